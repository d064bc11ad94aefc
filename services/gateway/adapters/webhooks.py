"""Webhooks over HTTP, signed as Standard Webhooks says; only this module uses the library."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpx2 as httpx
from standardwebhooks import Webhook

from services.gateway.domain.delivery import PATIENCE, Outcome
from shared.kernel.errors import NotValid

TIMEOUT_SECONDS = 10
"""For a whole call up to the status, not between two bytes."""
DRAINED_BYTES = 64 * 1024
"""How much of an answer is read, so that the connection can be reused; it is not kept."""
CONTENT_TYPE = "application/cloudevents+json"
MAXIMUM_URL = 2_000


@dataclass(frozen=True)
class Outgoing:
    """An event as it goes out: its place in the feed, and the CloudEvent as the feed shows it."""

    place: int
    id: str
    type: str
    key: str
    body: str


class Sender:
    """Sends events; used by one event loop, closed at its end."""

    def __init__(self, timeout_seconds: int = TIMEOUT_SECONDS) -> None:
        self._seconds = timeout_seconds
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        reason: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(self, url: str, secret: str, event: Outgoing, now: datetime) -> Outcome:
        """Send an event once; returns the outcome. Redirects are failures: none is followed."""
        at = now.astimezone(UTC)
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(event.id, at, event.body),
        }
        outcome = None
        try:
            async with asyncio.timeout(self._seconds):
                request = self._client.stream("POST", url, content=event.body, headers=headers)
                async with request as answer:
                    outcome = _outcome(answer, at)
                    await _drain(answer)
        except TimeoutError:
            return outcome or Outcome(f"no answer within {self._seconds} s")
        except (httpx.HTTPError, httpx.InvalidURL) as reason:
            return outcome or Outcome(f"{type(reason).__name__}: {reason}"[:200])
        return outcome


def _outcome(answer: httpx.Response, now: datetime) -> Outcome:
    if answer.is_success:
        return Outcome()
    error = f"answered {answer.status_code}"
    if answer.status_code == httpx.codes.GONE:
        return Outcome(error, is_gone=True)
    return Outcome(error, retry_after=_retry_after(answer.headers.get("retry-after", ""), now))


def _retry_after(text: str, now: datetime) -> timedelta:
    """The pause that a receiver asks for, in seconds or as a date; zero if it asks for none."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) < 7 else PATIENCE
    with suppress(ValueError, TypeError):  # not a date, or one without a zone: nothing was asked
        return max(parsedate_to_datetime(text) - now, timedelta(0))
    return timedelta(0)


async def _drain(answer: httpx.Response) -> None:
    read = 0
    async for piece in answer.aiter_raw():
        read += len(piece)
        if read > DRAINED_BYTES:
            return


def checked_url(text: str) -> str:
    """Return a URL if webhooks may go to it; raises NotValid."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as reason:
        raise NotValid(f"{text!r} is not a URL: {reason}.") from reason
    if url.scheme not in ("http", "https") or not url.host or len(text) > MAXIMUM_URL:
        raise NotValid(f"{text!r} is not a webhook URL: write it as https://host/path.")
    if url.userinfo or url.fragment:
        raise NotValid(
            "A webhook URL may not contain credentials or a fragment: the signature authenticates."
        )
    if url.scheme == "http" and not _is_loopback(url.host):
        raise NotValid(f"{text!r} is not encrypted: http is allowed only to this machine.")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
