"""Days, months and Mondays in Paris."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.calendar import (
    eve,
    first_day,
    last_day,
    monday_after,
    monday_on_or_after,
    month_of,
    months_later,
    next_month,
    paris_day,
)

DAYS = st.dates(date(1990, 1, 1), date(2190, 1, 1))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2024-01-31T23:59:59+01:00", "2024-01-31"),  # winter: UTC+1
        ("2024-01-31T22:59:59+00:00", "2024-01-31"),
        ("2024-01-31T23:00:00+00:00", "2024-02-01"),
        ("2024-07-31T23:59:59+02:00", "2024-07-31"),  # summer: UTC+2
        ("2024-07-31T21:59:59+00:00", "2024-07-31"),
        ("2024-07-31T22:00:00+00:00", "2024-08-01"),
        ("2024-03-31T00:59:59+00:00", "2024-03-31"),  # the hour that does not exist
        ("2024-03-31T01:00:00+00:00", "2024-03-31"),
        ("2024-10-27T00:30:00+00:00", "2024-10-27"),  # the hour that comes twice
        ("2024-10-27T01:30:00+00:00", "2024-10-27"),
        ("2024-10-26T22:00:00+00:00", "2024-10-27"),
        ("2024-12-31T23:30:00-05:00", "2025-01-01"),
    ],
)
def test_paris_says_what_day_it_is(instant: str, day: str) -> None:
    assert paris_day(datetime.fromisoformat(instant)).isoformat() == day


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 24, "2026-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2023-02-28", 12, "2024-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-12-15", 1, "2025-01-15"),
    ],
)
def test_an_anniversary_that_is_missing_is_the_last_day_of_its_month(
    day: str, months: int, expected: str
) -> None:
    assert months_later(date.fromisoformat(day), months).isoformat() == expected


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        ("2024-10-07", "2024-10-14"),  # a Monday belongs to the week that it begins
        ("2024-10-12", "2024-10-14"),
        ("2024-10-13", "2024-10-14"),  # Sunday ends the week
        ("2024-12-31", "2025-01-06"),
    ],
)
def test_transfers_leave_on_the_monday_after_the_week(day: str, monday: str) -> None:
    assert monday_after(date.fromisoformat(day)).isoformat() == monday


@given(DAYS)
def test_the_monday_after_is_the_first_one_later(day: date) -> None:
    monday = monday_after(day)
    assert monday.weekday() == 0
    assert timedelta(0) < monday - day <= timedelta(7)


@given(DAYS)
def test_the_monday_on_or_after_is_within_the_week(day: date) -> None:
    monday = monday_on_or_after(day)
    assert monday.weekday() == 0
    assert timedelta(0) <= monday - day < timedelta(7)


@given(DAYS)
def test_months_follow_each_other_without_a_gap(day: date) -> None:
    month = month_of(day)
    assert first_day(month) <= day <= last_day(month)
    assert first_day(next_month(month)) - last_day(month) == timedelta(1)
    assert eve(first_day(next_month(month))) == last_day(month)
    assert month < next_month(month)


@given(st.builds(datetime.combine, DAYS, st.times(), tzinfo=st.just(UTC)))
def test_paris_is_one_or_two_hours_ahead(instant: datetime) -> None:
    ahead = {(instant + timedelta(hours=hours)).date() for hours in (1, 2)}
    assert paris_day(instant) in ahead
