"""Lets in requests with a key that stands, at the key's pace, up to a limit at once.

All of this comes before the request is routed, and before any of its body is read.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.kernel.errors import Refusal
from shared.web.callers import DEPLOYMENT, Caller
from shared.web.keyring import Keyring
from shared.web.limits import Limits, Pace
from shared.web.media import header
from shared.web.problems import problem
from shared.web.refusals import Overloaded, Unauthorized

CALLER = "cagette.caller"
"""Where the request's scope holds its caller."""

ASKER = "Cagette-Asker"
"""The header in which the deployment's own processes say who asked, percent-encoded."""


class Gate:
    """The gate of an app. Paths in `open_to_all`, and those below them, need no key."""

    def __init__(
        self, app: ASGIApp, *, keys: Keyring, limits: Limits, open_to_all: Sequence[str]
    ) -> None:
        self._app = app
        self._keys = keys
        self._pace = Pace(limits.requests_per_second)
        self._most = limits.requests_in_flight
        self._inside = 0
        self._open = frozenset(open_to_all)
        self._below = tuple(f"{path}/" for path in open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller, or refuse it.

        HEAD is handled as GET; the server leaves the body out.
        """
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        if scope["type"] != "http" or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self._inside -= 1

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope[CALLER] = await self._let_in(scope)
        except Refusal as refusal:
            await problem(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open or path.startswith(self._below)

    async def _let_in(self, scope: Scope) -> Caller:
        if self._most and self._inside > self._most:
            raise Overloaded(
                f"{self._most} requests are under way: wait for some of them to finish."
            )
        caller = await self._keys.caller(_key(scope))
        if caller.key_id is None:
            return _on_behalf(scope)
        self._pace.take(caller.key_id)
        return caller


def _key(scope: Scope) -> bytes:
    given = header(scope, b"authorization")
    if given is None:
        raise Unauthorized("Send the key as `Authorization: Bearer <key>`.")
    scheme, _, key = given.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthorized("Send the key as `Authorization: Bearer <key>`.")
    return key


def _on_behalf(scope: Scope) -> Caller:
    """The deployment itself, on behalf of whoever its process names."""
    asker = header(scope, ASKER.lower().encode())
    return replace(DEPLOYMENT, asker=unquote(asker.decode("latin-1"))) if asker else DEPLOYMENT
