"""A Monday settled: fees withheld to the cent, transfers asked, negatives carried."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.statement import Totals, split
from services.billing.use_cases.settlement import MondaysStanding, NotAMonday
from services.billing.views.transfers import TRANSFERS
from shared.kernel.answers import Result
from tests.support.notices import distribution, market, producer, unvalidation
from tests.support.world import World

VAT_BP = 2_000


def transfers(cagette: World) -> list[tuple[int, int, int, int, str]]:
    """(sales, withheld, carried, net, status), by Monday and producer."""
    return [
        (
            row["sales_cents"],
            row["withheld_cents"],
            row["carried_cents"],
            row["net_cents"],
            row["status"],
        )
        for row in cagette.rows(TRANSFERS)
    ]


def test_a_producer_gets_his_sales_less_his_fees_with_vat(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    answer = cagette.payout("2024-10-07")
    assert transfers(cagette) == [(10_000, 1_080, 0, 8_920, "ASKED")]
    assert answer.figures == {"transfers": 1, "withheld_cents": 1_080, "sent_cents": 8_920}


def test_settling_twice_changes_nothing(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    cagette.payout("2024-10-07")
    head = cagette.home.billing.log.head()
    assert cagette.payout("2024-10-07").result is Result.UNCHANGED
    assert cagette.payout("2024-09-30").result is Result.UNCHANGED
    assert cagette.home.billing.log.head() == head


def test_a_tuesday_is_refused(cagette: World) -> None:
    with pytest.raises(NotAMonday, match="2024-10-08 is not a Monday"):
        cagette.payout("2024-10-08")


def test_an_earlier_monday_with_sales_is_named(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    with pytest.raises(MondaysStanding, match="2024-10-07"):
        cagette.payout("2024-10-14")
    cagette.payout("2024-10-07")
    assert cagette.payout("2024-10-14").result is Result.CREATED


def test_a_monday_whose_sales_were_taken_back_is_empty(cagette: World) -> None:
    cagette.told(market(), producer(), distribution(), unvalidation())
    cagette.payout("2024-10-14")
    assert transfers(cagette) == []


def test_everything_returned_after_settlement_is_carried_until_it_is_paid_off(
    cagette: World,
) -> None:
    cagette.told(market(), producer(), distribution())
    cagette.payout("2024-10-07")
    cagette.told(unvalidation())
    cagette.payout("2024-10-14")
    cagette.told(distribution("D2", validated_at="2024-10-18T20:00:00+02:00"))
    cagette.payout("2024-10-21")
    cagette.told(distribution("D3", validated_at="2024-10-25T20:00:00+02:00"))
    cagette.payout("2024-10-28")
    assert transfers(cagette) == [
        (10_000, 1_080, 0, 8_920, "ASKED"),
        (-10_000, -1_080, 0, -8_920, "CARRIED"),
        (10_000, 1_080, -8_920, 0, "ZERO"),
        (10_000, 1_080, 0, 8_920, "ASKED"),
    ]


def test_a_months_withholdings_are_its_invoice_to_the_cent(cagette: World) -> None:
    cagette.told(market(), producer())
    for week, monday in enumerate(["2024-10-07", "2024-10-14", "2024-10-21", "2024-10-28"]):
        friday = f"2024-10-{4 + 7 * week:02d}T20:00:00+02:00"
        cagette.told(distribution(f"D{week}", {"2045": 33}, validated_at=friday))
        cagette.payout(monday)
    cagette.close("2024-10", date(2024, 11, 1))
    withheld = [row[1] for row in transfers(cagette)]
    assert withheld == [4, 3, 4, 3]  # 2 + 1 cents net a week: 3,6 gross
    assert cagette.bills().documents["2045|2024-10|ONLINE"]["gross"] == sum(withheld) == 14


@pytest.mark.parametrize(
    ("due", "nets", "shares"),
    [
        (4, {"a": 1, "b": 2}, {"a": 1, "b": 3}),  # odd cents to the largest
        (5, {"a": 2, "b": 2}, {"a": 3, "b": 2}),  # among equals to the smallest id
        (5, {"b": 2, "B": 2}, {"B": 3, "b": 2}),  # in code-point order
        (-5, {"a": -2, "b": -2}, {"a": -3, "b": -2}),
        (0, {"a": 5, "b": -5}, {"a": 6, "b": -6}),
        (1, {"a": 1, "b": -3, "c": 3}, {"a": 1, "b": -4, "c": 4}),
        (-2, {"a": 1, "b": -3}, {"a": 1, "b": -3}),  # the largest by absolute value
        (0, {}, {}),
    ],
)
def test_what_a_party_owes_is_split_among_its_producers(
    due: int, nets: dict[str, int], shares: dict[str, int]
) -> None:
    assert split(due, nets, VAT_BP) == shares


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-500, 500), min_size=1))
def test_no_cent_is_lost_in_a_split(nets: dict[str, int]) -> None:
    due = Totals.of(sum(nets.values()), VAT_BP).gross_cents
    assert sum(split(due, nets, VAT_BP).values()) == due
