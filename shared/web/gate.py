"""Lets in who has a key that stands, at its pace, as many at once as may be.

All of it before anything of the request's body is read, and before its path is looked at.
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
"""Where the request's scope keeps who calls."""

ASKER = "Cagette-Asker"
"""Header by which the deployment's own processes say who asked, in %-encoding."""


class Gate:
    """The gate of an app. Paths in `open_to_all`, and what is below them, need no key."""

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

        HEAD is GET of which the server leaves the body out.
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
            raise Overloaded(f"{self._most} requests are under way: wait for some of them to end.")
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
    """The deployment itself, or whoever one of its processes asks for."""
    asker = header(scope, ASKER.lower().encode())
    return replace(DEPLOYMENT, asker=unquote(asker.decode("latin-1"))) if asker else DEPLOYMENT
