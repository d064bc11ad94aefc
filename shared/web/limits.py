"""How much a door takes: bytes and seconds per body, requests per second and at once."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel.errors import Refusal
from shared.web.media import header
from shared.web.problems import problem
from shared.web.refusals import TooLarge, TooManyRequests, TooSlow

BURST = 2
"""How many seconds' worth of requests a key that has rested may send at once."""


@dataclass(frozen=True)
class Limits:
    """The most that a door takes; for requests, 0 is no limit. `unlimited` paths take any body."""

    body_bytes: int
    body_seconds: int = 30
    requests_per_second: int = 0
    requests_in_flight: int = 0
    unlimited: frozenset[str] = frozenset()


class Pace:
    """A token bucket per key: so many requests per second, and a burst after a rest.

    Each process counts for itself.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str) -> None:
        """Let a request with a key pass, or raise TooManyRequests."""
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
    """Refuses a body above the limit, as soon as that is known, and one that arrives too slowly."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._too_large = TooLarge(f"A body has {limits.body_bytes} bytes at most.")
        self._too_slow = TooSlow(f"A body must arrive within {limits.body_seconds} s.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, watching its body arrive."""
        if scope["type"] != "http" or scope["path"] in self._limits.unlimited:
            await self._app(scope, receive, send)
            return
        said = header(scope, b"content-length")
        if said is not None and said.isdigit() and int(said) > self._limits.body_bytes:
            await problem(self._too_large)(scope, receive, send)
        else:
            await self._watching(scope, receive, send)

    async def _watching(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is read, and how long that takes; past a limit the app sees a disconnect."""
        read, is_whole = 0, False
        refusal: Refusal | None = None
        give_up = anyio.current_time() + self._limits.body_seconds

        async def watched() -> Message:
            nonlocal read, refusal, is_whole
            if is_whole:
                return await receive()
            message: Message = {"type": "http.disconnect"}
            with anyio.move_on_after(give_up - anyio.current_time()) as waiting:
                message = await receive()
            read += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if waiting.cancelled_caught:
                refusal = self._too_slow
            elif read > self._limits.body_bytes:
                refusal = self._too_large
            return {"type": "http.disconnect"} if refusal else message

        async def answered(message: Message) -> None:
            if refusal is None:
                await send(message)
            elif message["type"] == "http.response.start":
                response = problem(refusal)
                if refusal is self._too_slow:  # the rest may never arrive
                    response.headers["Connection"] = "close"
                await response(scope, receive, send)

        await self._app(scope, watched, answered)
