"""The clock: only the edge knows it."""

from datetime import UTC, date, datetime

from shared.kernel.calendar import paris_day


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The current day in Paris."""
    return paris_day(now())
