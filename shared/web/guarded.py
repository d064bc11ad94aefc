"""Routes that declare which scope they need, and who may call them.

A new route is protected like this; an app with a route that declares nothing does not start:

    router = APIRouter(prefix="/v1", route_class=Guarded)

    @router.get("/producers/{producer_id}/standing")
    def read_standing(caller: Reading, producer_id: Id) -> Standing:
        caller.must_see(producer_id, "producer", producer_id)
"""

import json
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from inspect import iscoroutinefunction, signature
from typing import Annotated, Any
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from shared.asks.written import parsed
from shared.kernel.errors import Flaw, NotFound, NotValid
from shared.web.callers import Caller, Scope
from shared.web.gate import CALLER
from shared.web.media import JSON, has_body, header, is_accepted, is_taken
from shared.web.refusals import NotAcceptable, ScopeMissing, UnsupportedMediaType


class _Key(SecurityBase):
    """The key in the documentation; in a route, the caller. `Gate` has already checked it."""

    def __init__(self) -> None:
        self.scheme_name = "key"
        self.model = HTTPBearer(
            bearerFormat="ck_<id>_<secret>", description="A key by `cagette keys add`."
        )

    async def __call__(self, connection: HTTPConnection) -> Caller:
        caller: Caller = connection.scope[CALLER]
        return caller


key = _Key()


async def _of_all(connection: HTTPConnection, caller: Annotated[Caller, Depends(key)]) -> Caller:
    if caller.producer_id is not None:
        raise nowhere(connection.scope["path"])
    return caller


Telling = Annotated[Caller, Security(key, scopes=[Scope.TELL])]
"""A caller that tells notices."""

Reading = Annotated[Caller, Security(key, scopes=[Scope.READ])]
"""A caller that reads. The route shows what `caller.may_see`; `must_see` refuses all else."""

ReadingAll = Annotated[Caller, Security(_of_all, scopes=[Scope.READ])]
"""A caller that reads about all producers; for the key of one the route does not exist."""

Operating = Annotated[Caller, Security(key, scopes=[Scope.OPERATE])]
"""A caller that operates."""

SHOWN_OF_A_PATH = 200
"""In characters."""


def nowhere(path: str) -> NotFound:
    """The refusal for a path that does not exist, or not for this caller."""
    shown = path if len(path) <= SHOWN_OF_A_PATH else f"{path[:SHOWN_OF_A_PATH]}…"
    return NotFound(f"There is nothing at {shown}: see /docs.")


class Guarded(APIRoute):
    """A route that checks scope, `Accept`, query and `Content-Type` before it reads the body.

    `needs` is the scope that its function declares (None: not exactly one), `takes` the media types
    that it reads, `gives` those that it may answer with, `asks` the names in its query.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _among_tellers(endpoint), **options)
        scopes = set(_scopes(self.dependant))
        self.needs = scopes.pop() if len(scopes) == 1 else None
        said = (self.openapi_extra or {}).get("requestBody", {}).get("content", {})
        self.takes = (JSON,) if self.body_field else tuple(said)
        answers = self.responses.get(200, {}).get("content", {})
        usual = getattr(self.response_class, "media_type", JSON)
        self.gives = tuple(kind for kind in (usual, *answers) if kind)
        self.asks = {word for p in self.dependant.query_params for word in _words(p)}

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer a request that was routed here; raises if scope, headers or query are wrong."""
        if scope["method"] in (self.methods or ()):
            self._check(scope)
        await super().handle(scope, receive, send)

    def _check(self, scope: Connection) -> None:
        caller: Caller = scope[CALLER]
        if self.needs not in caller.scopes:
            raise ScopeMissing(str(self.needs))
        if not is_accepted(header(scope, b"accept"), self.gives):
            kinds = " or ".join(self.gives)
            raise NotAcceptable(f"This call returns {kinds}, which `Accept` excludes.")
        words = (
            word
            for word, _ in parse_qsl(
                scope["query_string"].decode("latin-1"), keep_blank_values=True
            )
        )
        unknown = [word for word in words if word not in self.asks]
        if unknown:
            flaws = [Flaw(f"/query/{word}", "is not a parameter of this call") for word in unknown]
            raise NotValid("The query has unknown parameters: see /docs.", flaws)
        if self.takes and has_body(scope):
            if not is_taken(header(scope, b"content-type"), self.takes):
                kinds = " or ".join(self.takes)
                raise UnsupportedMediaType(
                    f"Send {kinds} in UTF-8, and declare it in `Content-Type`."
                )
            if header(scope, b"content-encoding") not in (None, b"identity"):
                raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, given a request that reads JSON only in UTF-8."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            return await answer(_Utf8Request(request.scope, request.receive))

        return answered


class _Utf8Request(Request):
    """A request whose JSON must be in UTF-8; the library would guess other encodings too."""

    async def json(self) -> Any:
        body = await self.body()
        try:
            return parsed(body)
        except (ValueError, RecursionError) as reason:
            raise json.JSONDecodeError(str(reason), "", 0) from reason


TELLERS_AT_ONCE = 40
"""Threads of one door that may wait for their turn to write: as many as all else has."""
_tellers = RunVar[CapacityLimiter]("tellers")


def _among_tellers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that tells, run in separate threads: its wait to write keeps no reader waiting.

    Any other function is returned as it is.
    """
    asked = signature(function)
    tells = any(parameter.annotation == Telling for parameter in asked.parameters.values())
    if not tells or iscoroutinefunction(function):
        return function

    async def called(**arguments: Any) -> Any:
        try:
            limiter = _tellers.get()
        except LookupError:
            limiter = CapacityLimiter(TELLERS_AT_ONCE)
            _tellers.set(limiter)
        return await to_thread.run_sync(partial(function, **arguments), limiter=limiter)

    called.__name__, called.__doc__ = function.__name__, function.__doc__
    called.__signature__ = asked  # type: ignore[attr-defined]
    return called


def _words(parameter: Any) -> Iterable[str]:
    """The names in the query that a parameter takes."""
    kind = parameter.field_info.annotation
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return kind.model_fields if is_model else (parameter.alias,)


def _scopes(dependant: Dependant) -> Iterator[str]:
    """The scopes that a function and its dependencies declare."""
    yield from dependant.own_oauth_scopes or ()
    for each in dependant.dependencies:
        yield from _scopes(each)
