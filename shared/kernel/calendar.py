"""Days, months and Mondays. Europe/Paris decides what day an instant belongs to."""

import calendar
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")

Month = str
"""A month as `YYYY-MM`, so that months compare in chronological order."""


def paris_day(instant: datetime) -> date:
    """The day in Paris of an instant with an offset."""
    return instant.astimezone(PARIS).date()


@cache
def month_of(day: date) -> Month:
    """The month a day lies in."""
    return day.isoformat()[:7]


def first_day(month: Month) -> date:
    """The first day of a month."""
    return date.fromisoformat(f"{month}-01")


@cache
def last_day(month: Month) -> date:
    """The last day of a month."""
    first = first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


@cache
def next_month(month: Month) -> Month:
    """The month that follows."""
    return month_of(last_day(month) + timedelta(days=1))


@cache
def monday_after(day: date) -> date:
    """The Monday after the week (Monday to Sunday) of a day."""
    return day + timedelta(days=7 - day.weekday())


def monday_on_or_after(day: date) -> date:
    """The first Monday that is not before a day."""
    return day + timedelta(days=-day.weekday() % 7)


@cache
def first_open_monday(settled_until: date, closed_until: Month) -> date:
    """The first Monday after those settled that is not in a closed month."""
    opens = monday_on_or_after(first_day(next_month(closed_until)))
    return max(opens, settled_until + timedelta(days=7))


def months_later(day: date, months: int) -> date:
    """The same day some months later, or the last day of a month that lacks it.

    So the first anniversary of 29 February is 28 February.
    """
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def eve(day: date) -> date:
    """The day before."""
    return day - timedelta(days=1)
