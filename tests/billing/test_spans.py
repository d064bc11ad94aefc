"""Which days are ENGAGEE: the edges of every span (contract §5.8)."""

from datetime import date

import pytest

from services.billing.domain.spans import Conditions, Reason, Span, Training
from services.billing.domain.tariff import TariffBook
from services.billing.domain.words import TrainingKind
from services.billing.main import tariff_from
from shared.kernel.spans import around, span_on

INTEGRATION, UPDATE = TrainingKind.INTEGRATION, TrainingKind.UPDATE


def engagee(training: Training, day: str) -> bool:
    """Whether one training makes a day ENGAGEE under the reference conditions."""
    tariffs = TariffBook()
    tariffs.publish(tariff_from())
    return span_on(tariffs.spans({"S": training}), date.fromisoformat(day)) is not None


def of(kind: TrainingKind, enrolled: str, completed: str = "", cancelled: str = "") -> Training:
    """A training with its days."""
    days = (date.fromisoformat(d) if d else None for d in (enrolled, completed, cancelled))
    return Training(kind, *days)


@pytest.mark.parametrize(
    ("training", "day", "expected"),
    [
        # An integration opens the first year, from the enrolment to the eve of its anniversary.
        (of(INTEGRATION, "2024-09-10"), "2024-09-09", False),
        (of(INTEGRATION, "2024-09-10"), "2024-09-10", True),
        (of(INTEGRATION, "2024-09-10"), "2025-09-09", True),
        (of(INTEGRATION, "2024-09-10"), "2025-09-10", False),
        # Nothing before the switch.
        (of(INTEGRATION, "2024-06-01"), "2024-06-30", False),
        (of(INTEGRATION, "2024-06-01"), "2024-07-01", True),
        (of(INTEGRATION, "2023-06-30"), "2024-07-01", False),
        # The anniversary of 29 February is 28 February.
        (of(INTEGRATION, "2024-02-29"), "2025-02-27", True),
        (of(INTEGRATION, "2024-02-29"), "2025-02-28", False),
        # An enrolment in an update opens nothing.
        (of(UPDATE, "2024-09-10"), "2024-09-10", False),
        # Abandoned, it lasts to the day of the cancellation.
        (of(INTEGRATION, "2024-09-10", cancelled="2024-11-10"), "2024-11-10", True),
        (of(INTEGRATION, "2024-09-10", cancelled="2024-11-10"), "2024-11-11", False),
        (of(INTEGRATION, "2024-09-10", cancelled="2024-09-01"), "2024-09-10", False),
        # A cancellation does not change what was completed.
        (of(INTEGRATION, "2024-09-10", "2024-12-01", "2024-11-10"), "2024-11-11", True),
        (of(INTEGRATION, "2024-09-10", "2024-12-01", "2024-11-10"), "2026-11-30", True),
        # Completed, it lasts two years to the eve of the second anniversary.
        (of(UPDATE, "2024-08-01", "2024-09-10"), "2024-09-09", False),
        (of(UPDATE, "2024-08-01", "2024-09-10"), "2024-09-10", True),
        (of(UPDATE, "2024-08-01", "2024-09-10"), "2026-09-09", True),
        (of(UPDATE, "2024-08-01", "2024-09-10"), "2026-09-10", False),
        (of(UPDATE, "2023-08-01", "2024-02-29"), "2026-02-27", True),
        (of(UPDATE, "2023-08-01", "2024-02-29"), "2026-02-28", False),
        # Whoever was trained before the switch is moved until the transition ends.
        (of(INTEGRATION, "2017-01-01", "2017-03-01"), "2024-06-30", False),
        (of(INTEGRATION, "2017-01-01", "2017-03-01"), "2024-07-01", True),
        (of(INTEGRATION, "2017-01-01", "2017-03-01"), "2025-06-30", True),
        (of(INTEGRATION, "2017-01-01", "2017-03-01"), "2025-07-01", False),
        (of(UPDATE, "2024-05-01", "2024-06-30"), "2026-06-29", True),
        # On the switch day itself it is no longer before the switch: two years, no move.
        (of(UPDATE, "2024-05-01", "2024-07-01"), "2026-06-30", True),
        (of(UPDATE, "2024-05-01", "2024-07-01"), "2026-07-01", False),
    ],
)
def test_a_day_is_engagee_or_not(training: Training, day: str, *, expected: bool) -> None:
    assert engagee(training, day) is expected


def test_conditions_are_dated_data() -> None:
    tariffs = TariffBook()
    first = tariff_from()
    tariffs.publish(first)
    stricter = Conditions(
        switch_on=date(2024, 7, 1),
        transition_until=date(2025, 6, 30),
        integration_months=6,
        completed_months=12,
    )
    tariffs.publish(
        type(first)(date(2025, 1, 1), first.rates, conditions=stricter, paper=first.paper)
    )
    spans = tariffs.spans({"S": of(INTEGRATION, "2024-09-10")})
    assert span_on(spans, date(2024, 12, 31))
    assert span_on(spans, date(2025, 3, 9))
    assert not span_on(spans, date(2025, 3, 10))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-06-30", (None, "2024-06-30")),
        ("2024-07-01", ("2024-07-01", "2025-06-30")),
        ("2025-06-30", ("2024-07-01", "2025-06-30")),
        ("2025-07-01", ("2025-07-01", None)),
    ],
)
def test_the_days_of_a_formula_are_those_of_touching_spans_together(
    day: str, expected: tuple[str | None, str | None]
) -> None:
    spans = [
        Span(date(2025, 1, 1), date(2025, 6, 30), Reason.COMPLETED_TRAINING, "S"),
        Span(date(2024, 7, 1), date(2024, 12, 31), Reason.SWITCH, "S"),
    ]
    since, until = around(spans, date.fromisoformat(day))
    assert (since and since.isoformat(), until and until.isoformat()) == expected
