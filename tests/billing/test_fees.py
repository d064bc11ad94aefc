"""Fees follow their sale: what is charged, where it stands, and how it is corrected."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.books import Books
from services.billing.domain.sale import Sale, Sold, Terms
from services.billing.domain.spans import Reason, Span
from services.billing.domain.tariff import Tariff
from services.billing.domain.words import Channel, FeeKind, Formula, Place
from services.billing.main import tariff_from
from services.billing.views.fees import FEES
from shared.kernel.money import share
from tests.support.notices import (
    completion,
    distribution,
    enrolment,
    market,
    producer,
    session,
    unvalidation,
)
from tests.support.world import World

TARIFF: Tariff = tariff_from()


def charged(cagette: World) -> list[tuple[Any, ...]]:
    """(kind, formula, month, monday, amount, corrects?) of every fee, in the order charged."""
    return [
        (
            fee["kind"],
            fee["formula"],
            fee["month"],
            fee["monday"] and fee["monday"].isoformat(),
            fee["amount_cents"],
            bool(fee["corrects"]),
        )
        for fee in cagette.rows(FEES)
    ]


def on_site(**changes: Any) -> dict[str, Any]:
    """A market paid on site."""
    return market(payment_mode="ON_SITE", **changes)


@pytest.mark.parametrize(
    ("first_validated_at", "month", "monday"),
    [
        ("2024-01-31T23:59:59+01:00", "2024-01", "2024-02-05"),  # month end in winter
        ("2024-02-01T00:00:00+01:00", "2024-02", "2024-02-05"),
        ("2024-01-31T22:59:59+00:00", "2024-01", "2024-02-05"),
        ("2024-01-31T23:00:00+00:00", "2024-02", "2024-02-05"),
        ("2024-07-31T23:59:59+02:00", "2024-07", "2024-08-05"),  # and in summer
        ("2024-07-31T22:00:00+00:00", "2024-08", "2024-08-05"),
        ("2024-03-31T02:59:59+01:00", "2024-03", "2024-04-01"),  # the night of 23 hours
        ("2024-10-27T02:30:00+01:00", "2024-10", "2024-10-28"),  # the night of 25 hours
        ("2024-10-06T23:59:59+02:00", "2024-10", "2024-10-07"),  # Sunday night
        ("2024-10-07T00:00:00+02:00", "2024-10", "2024-10-14"),  # Monday morning
        ("2024-02-29T12:00:00+01:00", "2024-02", "2024-03-04"),
        ("2024-12-30T00:00:00+01:00", "2024-12", "2025-01-06"),
    ],
)
def test_a_fee_is_at_home_where_its_sale_was_first_validated(
    first_validated_at: str, month: str, monday: str
) -> None:
    at = datetime.fromisoformat(first_validated_at)
    books = Books()
    assert books.homes(at)[Channel.ON_SITE] == Place.invoiced(month)
    assert books.homes(at)[Channel.ONLINE] == Place.at_source(date.fromisoformat(monday))


@pytest.mark.parametrize(
    ("settled", "closed", "monday", "month"),
    [
        (None, None, "2024-10-07", "2024-10"),
        ("2024-09-30", None, "2024-10-07", "2024-10"),
        ("2024-10-07", None, "2024-10-14", "2024-10"),
        ("2024-10-14", None, "2024-10-21", "2024-10"),  # settling one settles all earlier
        (None, "2024-09", "2024-10-07", "2024-10"),
        (None, "2024-10", "2024-11-04", "2024-11"),  # a Monday in a closed month takes nothing
        (None, "2024-12", "2025-01-06", "2025-01"),
        ("2024-11-04", "2024-10", "2024-11-11", "2024-11"),
    ],
)
def test_what_is_settled_or_closed_takes_nothing_more(
    settled: str | None, closed: str | None, monday: str, month: str
) -> None:
    books = Books()
    if settled:
        books.settle(date.fromisoformat(settled))
    if closed:
        books.close(closed, date(2025, 2, 1))
    at = datetime(2024, 10, 4, 19, tzinfo=UTC)
    assert books.homes(at)[Channel.ONLINE] == Place.at_source(date.fromisoformat(monday))
    assert books.homes(at)[Channel.ON_SITE].month == max("2024-10", month if closed else "2024-10")


def test_an_online_sale_owes_service_and_payment_fees(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    assert charged(cagette) == [
        ("PAYMENT", "FLEXIBLE", "2024-10", "2024-10-07", 300, False),
        ("SERVICE", "FLEXIBLE", "2024-10", "2024-10-07", 600, False),
    ]


def test_a_sale_on_site_owes_the_service_fee_alone(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    assert charged(cagette) == [("SERVICE", "FLEXIBLE", "2024-10", None, 600, False)]


def test_a_training_told_late_rates_past_sales_again(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution(), session())
    cagette.told(enrolment("2024-10-01"))
    assert charged(cagette) == [
        ("SERVICE", "FLEXIBLE", "2024-10", None, 600, False),
        ("SERVICE", "ENGAGEE", "2024-10", None, -400, True),
    ]


def test_from_flexible_to_engagee_and_back_in_one_month(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution(), session())
    cagette.told(enrolment("2024-10-01"))
    cagette.told(enrolment("2024-10-05", seq=2))
    assert [row[4] for row in charged(cagette)] == [600, -400, 400]


def test_a_mode_that_changes_reverses_one_channel_and_charges_the_other(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    cagette.told(distribution(validation_no=2, payment_mode="ON_SITE"))
    assert charged(cagette) == [
        ("PAYMENT", "FLEXIBLE", "2024-10", "2024-10-07", 300, False),
        ("PAYMENT", "FLEXIBLE", "2024-10", "2024-10-07", -300, True),
        ("SERVICE", "FLEXIBLE", "2024-10", "2024-10-07", 600, False),
        ("SERVICE", "FLEXIBLE", "2024-10", "2024-10-07", -600, True),
        ("SERVICE", "FLEXIBLE", "2024-10", None, 600, True),
    ]


def test_what_stands_in_an_open_place_moves_with_its_home(cagette: World) -> None:
    late = distribution(validation_no=3, validated_at="2024-11-02T10:00:00+01:00", day="2024-10-04")
    cagette.told(on_site(), producer(), late, distribution(validation_no=1))
    assert [(row[2], row[4]) for row in charged(cagette)] == [
        ("2024-11", 600),
        ("2024-10", 600),
        ("2024-11", -600),
    ]


def test_un_validated_after_its_month_was_closed_the_next_month_is_credited(
    cagette: World,
) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.told(unvalidation())
    cagette.close("2024-11", date(2024, 12, 1))
    assert [(row[2], row[4]) for row in charged(cagette)] == [("2024-10", 600), ("2024-11", -600)]
    bills = cagette.bills()
    assert bills.documents == {
        "2045|2024-10|ON_SITE": {"net": 600, "vat": 120, "gross": 720},
        "2045|2024-11|ON_SITE": {"net": -600, "vat": -120, "gross": -720},
    }


def test_a_day_that_changes_is_rated_on_its_new_day(cagette: World) -> None:
    cagette.told(on_site(), producer(), session(), enrolment("2024-10-04"))
    cagette.told(completion("2024-12-13"), distribution())
    cagette.told(distribution(validation_no=2, day="2024-10-03"))
    assert [(row[1], row[4]) for row in charged(cagette)] == [("ENGAGEE", 200), ("FLEXIBLE", 400)]


def test_the_party_of_a_sale_is_that_of_its_first_fee(cagette: World) -> None:
    cagette.told(on_site(), producer(), producer("1"), distribution())
    cagette.told(producer(seq=2, billing_party_id="1"))
    cagette.told(distribution(sales={"2045": 20_000}, validation_no=2), distribution("D2"))
    parties = {(fee["distribution_id"], fee["party_id"]) for fee in cagette.rows(FEES)}
    assert parties == {("D1", "2045"), ("D2", "1")}


def terms(formula: Formula) -> Terms:
    """The terms of a day on which a formula is in force."""
    span = Span(date.min, date.max, Reason.COMPLETED_TRAINING, "S")
    return Terms(TARIFF, span if formula is Formula.ENGAGEE else None)


SALES = st.builds(
    lambda cents, online, hours: Sold(
        market_id="1606",
        market_name="Marché",
        day=date(2024, 10, 4),
        first_validated_at=datetime(2024, 10, 4, tzinfo=UTC) + timedelta(hours=hours),
        validated_at=datetime(2024, 10, 4, tzinfo=UTC),
        validation_no=1,
        channel=Channel.ONLINE if online else Channel.ON_SITE,
        sales_cents=cents,
    ),
    st.integers(0, 10_000),
    st.booleans(),
    st.integers(-2_000, 2_000),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sold"), SALES, st.sampled_from(Formula)),
        st.tuples(st.just("settle"), st.integers(0, 20)),
        st.tuples(st.just("close"), st.integers(7, 12)),
    ),
    max_size=12,
)


@given(STEPS)
def test_fees_always_add_up_and_what_is_frozen_never_moves(steps: list[tuple[Any, ...]]) -> None:
    books, sale = Books(), Sale("2045", "D1")
    for step in steps:
        if step[0] == "settle":
            books.settle(date(2024, 8, 5) + timedelta(weeks=step[1]))
        elif step[0] == "close":
            books.close(f"2024-{step[1]:02d}", date(2025, 1, 1))
        else:
            _, sold, formula = step
            frozen = {k: dict(_frozen(sale, k, books)) for k in FeeKind}
            sale.rate(sold, terms(formula), books, "2045")
            for kind in FeeKind:
                assert dict(_frozen(sale, kind, books)) == frozen[kind]
                assert sum(sale.fees[kind].values()) == _due(kind, sold, formula)
                standing = [p for p, n in sale.fees[kind].items() if n and books.is_open(p)]
                assert all(p == books.homes(sold.first_validated_at)[p.channel] for p in standing)


def _frozen(sale: Sale, kind: FeeKind, books: Books) -> list[tuple[Place, int]]:
    return [(place, n) for place, n in sale.fees[kind].items() if not books.is_open(place)]


def _due(kind: FeeKind, sold: Sold, formula: Formula) -> int:
    if kind is FeeKind.PAYMENT and sold.channel is Channel.ON_SITE:
        return 0
    return share(sold.sales_cents, TARIFF.rate(kind, formula))
