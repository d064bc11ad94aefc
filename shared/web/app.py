"""The factory of every HTTP app: problems for all that is refused, keys, limits, health."""

import hmac
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.asks.flaws import flaws_in
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.kernel.errors import NotFound, NotValid, Refusal
from shared.web.problems import BadRequest, MethodNotAllowed, TooLarge, Unauthorized, problem, table


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
        description=f"Every refusal is problem+json (RFC 9457) with a stable type.\n\n{table()}",
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.offered = [
        (route.path_regex, route.methods)
        for router in (*routers, health)
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    for router in routers:
        app.include_router(router, dependencies=[Depends(bearer)])
    app.include_router(health)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    for storage_error in STORAGE_EXCEPTIONS:
        app.add_exception_handler(storage_error, _storage)
    app.add_middleware(BodyLimit, maximum_bytes=maximum_body_bytes, unlimited=unlimited)
    app.add_middleware(KeyGuard, key=key, open_to_all=(health_path, *DOCUMENTATION))
    return app


health = APIRouter(tags=["health"])


health_path = "/livez"
DOCUMENTATION = ("/docs", "/openapi.json", "/static-offline-docs")


@health.get(health_path)
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


bearer = HTTPBearer(auto_error=False, description="The key of the home: see `CAGETTE_KEY`.")
"""For the documentation; `KeyGuard` looks at the key before anything else is read."""


async def _refused(_: Request, refusal: Exception) -> Any:
    assert isinstance(refusal, Refusal)
    return problem(refusal)


async def _not_valid(_: Request, reason: Exception) -> Any:
    assert isinstance(reason, RequestValidationError)
    errors = reason.errors()
    if any(error["type"] == "json_invalid" for error in errors):
        return problem(NotValid("The body is not JSON in UTF-8."))
    inside = [{**error, "loc": _inside(error["loc"])} for error in errors]
    return problem(NotValid("What was sent is not in shape.", flaws_in(inside)))


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
    path = request.url.path
    offered = (methods for regex, methods in request.app.state.offered if regex.match(path))
    return sorted({method for methods in offered for method in methods or ()})


async def _storage(_: Request, error: Exception) -> Any:
    refusal = storage_refusal(error)
    if refusal is None:
        raise error
    return problem(refusal)


class KeyGuard:
    """Lets pass who has the key, before anything of the request is read."""

    def __init__(self, app: ASGIApp, key: str, open_to_all: Sequence[str]) -> None:
        self._app = app
        self._expected = f"Bearer {key}".encode()
        self._open_to_all = tuple(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] != "http" or scope["path"].startswith(self._open_to_all):
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization")
        if given is None:
            refusal = Unauthorized("Send the key as `Authorization: Bearer <key>`.")
        elif hmac.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
            return
        else:
            refusal = Unauthorized("This key opens nothing here.")
        await problem(refusal)(scope, receive, send)


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
        too_large = problem(TooLarge(f"A body has {self._maximum_bytes} bytes at most."))

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._maximum_bytes:
                raise ClientDisconnect
            return message

        async def answered(message: Message) -> None:
            if read <= self._maximum_bytes:
                await send(message)
            elif message["type"] == "http.response.start":
                await too_large(scope, receive, send)

        try:
            await self._app(scope, counted, answered)
        except ClientDisconnect:
            await too_large(scope, receive, send)
