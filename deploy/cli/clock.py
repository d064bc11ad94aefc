"""The clock: only the edge knows it."""

from datetime import UTC, date, datetime

from shared.kernel.calendar import paris_day


def today() -> date:
    """The day in Paris."""
    return paris_day(datetime.now(UTC))
