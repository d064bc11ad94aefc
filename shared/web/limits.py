"""How much a door takes: bytes in a body, requests a second of a key, requests at once."""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.media import header
from shared.web.problems import problem
from shared.web.refusals import TooLarge, TooManyRequests

BURST = 2
"""A key that has rested may be used for so many seconds' worth of requests at once."""


@dataclass(frozen=True)
class Limits:
    """What a door takes at most; 0 is no limit. Paths in `unlimited` take bodies of any size."""

    body_bytes: int
    requests_per_second: int = 0
    requests_in_flight: int = 0
    unlimited: frozenset[str] = frozenset()


class Pace:
    """A token bucket a key: so many requests a second, and some more at once after a rest.

    Each process counts for itself.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str) -> None:
        """Let a request of a key pass, or raise TooManyRequests."""
        if not self._per_second:
            return
        now, full = self._clock(), float(self._per_second * BURST)
        tokens, at = self._buckets.get(key_id, (full, now))
        tokens = min(full, tokens + (now - at) * self._per_second)
        if tokens < 1:
            self._buckets[key_id] = (tokens, now)
            raise TooManyRequests(math.ceil((1 - tokens) / self._per_second))
        self._buckets[key_id] = (tokens - 1, now)


class BodyLimit:
    """Refuses a body above the limit: by its Content-Length, or as soon as it has passed it."""

    def __init__(self, app: ASGIApp, body_bytes: int, unlimited: Collection[str]) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._unlimited = unlimited
        self._too_large = TooLarge(f"A body has {body_bytes} bytes at most.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; one that does not say how long its body is, counting."""
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        said = header(scope, b"content-length")
        if said is None or not said.isdigit():
            await self._counting(scope, receive, send)
        elif int(said) > self._body_bytes:
            await problem(self._too_large)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _counting(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is read. Once it is too much, the app is told that the client went away."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            return message if read <= self._body_bytes else {"type": "http.disconnect"}

        async def answered(message: Message) -> None:
            if read <= self._body_bytes:
                await send(message)
            elif message["type"] == "http.response.start":
                await problem(self._too_large)(scope, receive, send)

        await self._app(scope, counted, answered)
