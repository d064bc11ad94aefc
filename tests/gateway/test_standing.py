"""Which validation stands, and what is told when something comes late (contract §2)."""

from typing import Any

import pytest

from services.billing.views.fees import FEES
from shared.kernel.answers import Result
from tests.support.notices import distribution, market, producer, unvalidation
from tests.support.world import World


def version(number: int, *, matches: bool = True) -> dict[str, Any]:
    """Validation `number` sells number × 100,00 €; one that does not match was paid too little."""
    notice = distribution(sales={"2045": number * 10_000}, validation_no=number)
    if not matches:
        notice["body"]["baskets"][0]["payments"][0]["amount_cents"] -= 1
        notice["body"]["control"]["payments_cents"] -= 1
    return notice


def standing(cagette: World) -> int:
    """The validation that stands, by its service fees; 0 for none."""
    fees = [f["amount_cents"] for f in cagette.rows(FEES) if f["kind"] == "SERVICE"]
    return int(sum(fees)) // 600


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ([version(1)], 1),
        ([version(1), version(2)], 2),
        ([version(2), version(1)], 2),
        ([version(3)], 3),
        ([version(1), unvalidation(validation_no=1)], 0),
        ([unvalidation(validation_no=1), version(1)], 0),
        ([version(1), unvalidation(validation_no=1), version(2)], 2),
        ([version(1), version(2), unvalidation(validation_no=1)], 2),
        ([version(1), version(2), unvalidation(validation_no=2)], 0),
        ([version(1), unvalidation(validation_no=2)], 1),  # of a number not told yet: held
        ([version(1), unvalidation(validation_no=2), version(3)], 3),
        ([version(1), unvalidation(validation_no=2), version(3), version(2)], 3),
        ([version(1), version(2, matches=False)], 1),  # the highest whose payments match
        ([version(2, matches=False)], 0),
        ([version(2, matches=False), version(1)], 1),
        ([version(1), version(2, matches=False), unvalidation(validation_no=2)], 0),
        ([version(1), version(2, matches=False), version(3)], 3),
    ],
)
def test_the_validation_that_stands_is_billed(
    cagette: World, told: list[dict[str, Any]], stands: int
) -> None:
    cagette.told(market(), producer(), *told)
    assert standing(cagette) == stands


def test_what_does_not_match_on_site_stands_all_the_same(cagette: World) -> None:
    cagette.told(market(payment_mode="ON_SITE"), producer(), version(1, matches=False))
    assert standing(cagette) == 1


def test_an_unknown_market_holds_the_whole_and_its_coming_releases_it(cagette: World) -> None:
    cagette.told(producer())
    [answer] = cagette.told(version(1))
    assert (answer.result, answer.waiting_for) == (Result.HELD, ("market:1606",))
    assert standing(cagette) == 0
    cagette.told(market())
    assert standing(cagette) == 1


def test_an_unknown_producer_holds_his_part_alone(cagette: World) -> None:
    cagette.told(market(), producer("1"))
    [answer] = cagette.told(distribution(sales={"1": 1_000, "2": 1_000}))
    assert (answer.result, answer.waiting_for) == (Result.HELD, ("producer:2",))
    assert {fee["producer_id"] for fee in cagette.rows(FEES)} == {"1"}
    cagette.told(producer("2"))
    assert {fee["producer_id"] for fee in cagette.rows(FEES)} == {"1", "2"}


def test_a_day_before_the_first_known_mode_waits_for_one(cagette: World) -> None:
    cagette.told(producer(), market(payment_mode_from="2024-11-01"))
    [answer] = cagette.told(version(1))
    assert (answer.result, standing(cagette)) == (Result.HELD, 0)
    cagette.told(market(seq=2, payment_mode_from="2024-10-01"))
    assert standing(cagette) == 1


def test_a_producer_who_becomes_pedagogic_is_corrected_and_back_again(cagette: World) -> None:
    cagette.told(market(), producer(), version(1))
    cagette.told(producer(seq=2, pedagogic=True))
    assert standing(cagette) == 0
    cagette.told(producer(seq=3))
    assert standing(cagette) == 1


@pytest.mark.parametrize("mark", [{"test": True}, {"kind": "AMAP"}])
def test_a_market_that_is_not_billed_is_corrected_when_it_becomes_one(
    cagette: World, mark: dict[str, Any]
) -> None:
    cagette.told(market(**mark), producer(), version(1))
    assert standing(cagette) == 0
    cagette.told(market(seq=2))
    assert standing(cagette) == 1
    cagette.told(market(seq=3, **mark))
    assert standing(cagette) == 0


def test_for_equal_days_the_highest_number_says_how_a_market_is_paid(cagette: World) -> None:
    cagette.told(producer(), market(seq=2, payment_mode="ON_SITE"))
    [answer] = cagette.told(market(seq=1, payment_mode="ONLINE"))
    assert answer.result is Result.STALE
    cagette.told(version(1))
    assert {fee["channel"] for fee in cagette.rows(FEES)} == {"ON_SITE"}


def test_a_mode_that_is_stated_counts_and_warns_where_it_is_not_the_markets(
    cagette: World,
) -> None:
    cagette.told(market(), producer())
    [answer] = cagette.told(distribution(payment_mode="ON_SITE"))
    assert answer.warnings == ("payment_mode ON_SITE is not the market's (ONLINE)",)
    assert {fee["channel"] for fee in cagette.rows(FEES)} == {"ON_SITE"}
