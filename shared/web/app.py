"""The factory of every HTTP app: keys, limits, problems for every refusal, health."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.asks.flaws import flaws_in
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.kernel.errors import NotValid, Refusal
from shared.web.examples import Examples, document_with
from shared.web.gate import Gate
from shared.web.guarded import Guarded, nowhere
from shared.web.keyring import Keyring
from shared.web.limits import BodyLimit, Limits
from shared.web.problems import PROBLEMS, problem
from shared.web.refusals import BadRequest, InternalError, MethodNotAllowed
from shared.web.table import AT_THE_DOOR, markdown

HEALTH = "/livez"
SCHEMAS = "/schemas"
DOCUMENTATION = ("/docs", "/openapi.json", "/static-offline-docs", SCHEMAS)

TELLS, READS, TRAININGS = "what the marketplace tells", "what the marketplace reads", "trainings"
TAGS = {
    TELLS: "Notices. Told twice, or in any order, they have the same result.",
    READS: "Fees and why they are so, transfers, invoices, trainings, and what has happened since.",
    TRAININGS: "Training's own API, called only by the gateway.",
    "health": "For whoever watches the process. It needs no key.",
}
"""The text under each heading of an app's document."""

health = APIRouter(tags=["health"])


@health.get(HEALTH, responses={413: PROBLEMS[413]}, openapi_extra={"security": []})
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    keys: Keyring,
    limits: Limits,
    examples: Examples | None = None,
) -> FastAPI:
    """An app whose every route but health and documentation needs a key with its scope.

    Raises TypeError for a route that does not say which scope it needs.
    """
    for route in _routes(routers):
        if not isinstance(route, Guarded) or route.needs is None:
            raise TypeError(
                f"{route.path} is open to everybody: its router needs route_class=Guarded, "
                "its function a caller (Telling, Reading, ReadingAll or Operating)"
            )
    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        **_introduction(title, (*routers, health)),
        telemetry={"tracing": False, "metrics": False, "logs": False},
        redirect_slashes=False,
        lifespan=_closing(keys),
    )
    app.state.offered = [(route.path_regex, route.methods) for route in _routes((*routers, health))]
    for router in (*routers, health):
        app.include_router(router)
    for raised, answer in _ANSWERS:
        app.add_exception_handler(raised, answer)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(Gate, keys=keys, limits=limits, open_to_all=(HEALTH, *DOCUMENTATION))
    document_with(app, examples or {})
    return app


def _introduction(title: str, routers: Sequence[APIRouter]) -> dict[str, Any]:
    """The head of an app's document, and how its operations are named: like their functions."""
    used = {str(tag) for router in routers for tag in router.tags}
    return {
        "title": title,
        "version": "1",
        "description": "Every refusal is problem+json (RFC 9457) with a stable type, "
        f"`urn:cagette:problem:` and its name.\n\n{markdown(AT_THE_DOOR)}",
        "servers": [{"url": "/", "description": "Where this document was read from."}],
        "openapi_tags": [{"name": t, "description": TAGS[t]} for t in TAGS if t in used],
        "generate_unique_id_function": lambda route: route.name,
    }


def _routes(routers: Sequence[APIRouter]) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute), route
            yield route


def _closing(keys: Keyring) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        keys.close()

    return lifespan


async def _refused(_: Request, refusal: Exception) -> Any:
    assert isinstance(refusal, Refusal)
    return problem(refusal)


async def _not_valid(_: Request, reason: Exception) -> Any:
    assert isinstance(reason, RequestValidationError)
    errors = reason.errors()
    for error in errors:
        if error["type"] == "json_invalid":
            return problem(NotValid(f"The body is not JSON in UTF-8: {error['ctx']['error']}."))
    inside = [{**error, "loc": _inside(error["loc"])} for error in errors]
    return problem(NotValid("What was sent does not match the contract.", flaws_in(inside)))


def _inside(location: Sequence[str | int]) -> Sequence[str | int]:
    """A JSON pointer into a body starts at the body; one to a parameter says where it is."""
    return location[1:] if location and location[0] == "body" else location


async def _http(request: Request, reason: Exception) -> Any:
    assert isinstance(reason, HTTPException)
    path = request.url.path
    if reason.status_code == 404:
        return problem(nowhere(path))
    if reason.status_code == 405:
        response = problem(MethodNotAllowed(f"{request.method} is not offered at {path}."))
        response.headers["Allow"] = ", ".join(_methods(request))
        return response
    return problem(BadRequest(f"The request cannot be read: {reason.detail}"))


def _methods(request: Request) -> list[str]:
    path = request.url.path
    offered = (methods for regex, methods in request.app.state.offered if regex.match(path))
    methods = {method for methods in offered for method in methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _storage(_: Request, error: Exception) -> Any:
    refusal = storage_refusal(error)
    if refusal is None:
        raise error
    return problem(refusal)


async def _gone(_: Request, reason: Exception) -> Any:
    """Nobody is left to read the answer."""
    return problem(BadRequest(f"The client went away: {reason or 'its body broke off'}."))


async def _failed(_: Request, __: Exception) -> Any:
    """The server's log has the error; the client is told nothing of our internals."""
    return problem(InternalError("This is our error; it is recorded in the server's log."))


_ANSWERS: tuple[tuple[type[Exception], Any], ...] = (
    (Refusal, _refused),
    (RequestValidationError, _not_valid),
    (HTTPException, _http),
    (ClientDisconnect, _gone),
    *((raised, _storage) for raised in STORAGE_EXCEPTIONS),
    (Exception, _failed),
)
