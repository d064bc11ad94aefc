"""How patient the gateway is with its webhook receivers: when to try again, when to give up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PATIENCE = timedelta(days=3)
"""How long an event is tried again, from when it was first due."""

PAUSES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
)
"""Pauses between one failure and the next try; the last one repeats."""


@dataclass(frozen=True)
class Outcome:
    """What came of sending an event once. `error` says what went wrong, None if it was taken.

    `is_gone`: the receiver wants no more of them. `retry_after`: the pause it asks for.
    """

    error: str | None = None
    is_gone: bool = False
    retry_after: timedelta = timedelta(0)


def next_try(due_since: datetime, failures: int, now: datetime, asked: timedelta) -> datetime:
    """When to retry an event after this many failures; never after the patience ends."""
    pause = max(PAUSES[min(failures, len(PAUSES)) - 1], min(asked, PATIENCE))
    return min(now + pause, due_since + PATIENCE)


def is_given_up(due_since: datetime, now: datetime) -> bool:
    """Whether an event that failed just now has been tried for long enough."""
    return now >= due_since + PATIENCE
