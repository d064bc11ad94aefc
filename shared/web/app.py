"""The factory of every HTTP app: problems for all that is refused, keys, limits, health."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.asks.flaws import flaws_in
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.kernel.errors import NotFound, NotValid, Refusal
from shared.web.problems import BadRequest, MethodNotAllowed, TooLarge, Unauthorized, problem

Handler = Callable[[Request, Exception], Any]


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    key: str,
    maximum_body_bytes: int,
    unlimited: Sequence[str] = (),
) -> FastAPI:
    """An app whose every route needs the bearer `key`, but health and documentation.

    Bodies have `maximum_body_bytes` at most, except on the `unlimited` paths.
    """
    app = FastAPIOffline(
        redoc_url=None,
        title=title,
        version="1",
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in routers:
        app.include_router(router, dependencies=[Depends(_key_check(key))])
    app.include_router(health)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    for storage_error in STORAGE_EXCEPTIONS:
        app.add_exception_handler(storage_error, _storage)
    app.add_middleware(BodyLimit, maximum_bytes=maximum_body_bytes, unlimited=unlimited)
    return app


health = APIRouter(tags=["health"])


@health.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


bearer = HTTPBearer(auto_error=False, description="The key of the home: see `CAGETTE_KEY`.")


def _key_check(key: str) -> Callable[..., Awaitable[None]]:
    async def check(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> None:
        if given is None:
            raise Unauthorized("Send the key as `Authorization: Bearer <key>`.")
        if not hmac.compare_digest(given.credentials.encode(), key.encode()):
            raise Unauthorized("This key opens nothing here.")

    return check


async def _refused(_: Request, refusal: Exception) -> Any:
    assert isinstance(refusal, Refusal)
    return problem(refusal)


async def _not_valid(_: Request, reason: Exception) -> Any:
    assert isinstance(reason, RequestValidationError)
    errors = [{**error, "loc": _inside(error["loc"])} for error in reason.errors()]
    return problem(NotValid("What was sent is not in shape.", flaws_in(errors)))


def _inside(location: Sequence[str | int]) -> Sequence[str | int]:
    """A JSON pointer into a body begins in the body; a parameter keeps where it stands."""
    return location[1:] if location and location[0] == "body" else location


async def _http(request: Request, reason: Exception) -> Any:
    assert isinstance(reason, HTTPException)
    path = request.url.path
    if reason.status_code == 404:
        return problem(NotFound(f"There is nothing at {path}: see /docs."))
    if reason.status_code == 405:
        response = problem(MethodNotAllowed(f"{request.method} is not offered at {path}."))
        response.headers["Allow"] = ", ".join(_methods(request))
        return response
    return problem(BadRequest(f"The request cannot be read: {reason.detail}"))


def _methods(request: Request) -> list[str]:
    routes = [route for route in request.app.routes if isinstance(route, APIRoute)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in route.methods or ()})


async def _storage(_: Request, error: Exception) -> Any:
    refusal = storage_refusal(error)
    if refusal is None:
        raise error
    return problem(refusal)


class BodyLimit:
    """Refuses a body above the limit, whatever its Content-Length says, and reads no further."""

    def __init__(self, app: ASGIApp, maximum_bytes: int, unlimited: Sequence[str]) -> None:
        self._app = app
        self._maximum_bytes = maximum_bytes
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting the bytes of its body."""
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._maximum_bytes:
                raise TooLarge(f"A body has {self._maximum_bytes} bytes at most.")
            return message

        await self._app(scope, counted, send)
