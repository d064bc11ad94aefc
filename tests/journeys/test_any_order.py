"""Told in any order, told twice, told late: the same bills (contract §1)."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.notices import (
    cancellation,
    completion,
    distribution,
    enrolment,
    market,
    producer,
    session,
    unvalidation,
)
from tests.support.recount import Bills, Step, recount
from tests.support.world import world

ENGAGEE_LATER = [session(), enrolment("2024-10-05"), completion("2024-12-13")]
NOTICES: list[dict[str, Any]] = [
    market(),
    producer("1"),
    producer("2"),
    distribution("A", {"1": 3_333, "2": 25}),
    distribution("A", {"1": 4_444}, 2, "2024-10-07T00:00:00+02:00", day="2024-10-04"),
    unvalidation("A", 2),
    distribution("A", {"1": 5_555, "2": 1}, 4, payment_mode="ON_SITE"),
    distribution("B", {"1": 1_234}, 3, "2024-11-02T10:00:00+01:00", day="2024-10-31"),
    distribution("B", {"1": 1_235}, 1, "2024-10-31T23:59:59+01:00"),
    unvalidation("B", 5),
    *(notice | {"id": "1"} for notice in ENGAGEE_LATER[1:]),
    ENGAGEE_LATER[0],
    session("UPD", "UPDATE"),
    enrolment("2024-10-01", "UPD", "2"),
    completion("2024-10-04", "UPD", "2"),
    cancellation("2024-10-03", "UPD", "2"),
]
ENDS: list[Step] = [
    *(("payout", f"2024-{day}") for day in ("10-07", "10-14", "11-04")),
    *(("close", month) for month in ("2024-10", "2024-11")),
]


def bills(steps: list[Step]) -> Bills:
    """What the product bills."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as cagette:
        cagette.do(steps)
        assert cagette.violations() == []
        return cagette.bills()


EXPECTED = recount([*(("tell", notice) for notice in NOTICES), *ENDS])


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(NOTICES), st.sets(st.integers(0, len(NOTICES) - 1)))
def test_the_order_and_the_repeats_of_what_is_told_change_no_bill(
    told: list[dict[str, Any]], again: set[int]
) -> None:
    notices = [*told, *(NOTICES[number] for number in sorted(again))]
    assert bills([*(("tell", notice) for notice in notices), *ENDS]) == EXPECTED


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(NOTICES), st.integers(0, len(NOTICES)))
def test_what_is_told_late_is_billed_as_the_model_says(
    told: list[dict[str, Any]], in_time: int
) -> None:
    steps: list[Step] = [("tell", notice) for notice in told[:in_time]]
    steps += [step for step in ENDS if step[0] == "payout"]
    steps += [("tell", notice) for notice in told[in_time:]]
    assert bills(steps) == recount(steps)
