"""A month closed: documents numbered without a gap, dated in order, frozen."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.reliving import relived
from services.billing.adapters.html import page
from services.billing.api.desk import BillingDesk
from services.billing.use_cases.closing import DatedTooEarly, MonthsStanding
from services.billing.views.documents import DOCUMENTS
from shared.kernel.answers import Result
from tests.support.notices import distribution, market, producer, unvalidation
from tests.support.world import Rows, World, world

OCTOBER = "2024-10-04T21:00:00+02:00"
NOVEMBER = "2024-11-08T21:00:00+01:00"


def on_site() -> dict[str, object]:
    return market(payment_mode="ON_SITE")


def numbers(cagette: World) -> list[tuple[str, str, str, int]]:
    """(number, party, month, paid) of every document."""
    return [
        (row["number"], row["party_id"], row["month"], row["paid_cents"])
        for row in cagette.rows(DOCUMENTS)
    ]


def test_fees_taken_at_source_are_invoiced_as_paid_and_those_on_site_as_to_pay(
    cagette: World,
) -> None:
    cagette.told(market(), market("2", payment_mode="ON_SITE"), producer())
    cagette.told(distribution(), distribution("D2", market_id="2"))
    cagette.payout("2024-10-07")
    cagette.close("2024-10", date(2024, 11, 1))
    assert numbers(cagette) == [
        ("F2024-000001", "2045", "2024-10", 1_080),
        ("F2024-000002", "2045", "2024-10", 0),
    ]


def test_numbers_go_on_without_a_gap_and_begin_again_each_year(cagette: World) -> None:
    cagette.told(on_site(), producer(), producer("1"))
    cagette.told(distribution(sales={"1": 5_000, "2045": 5_000}))
    cagette.told(distribution("D2", validated_at=NOVEMBER))
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.close("2024-11", date(2025, 1, 1))
    assert [row[0] for row in numbers(cagette)] == ["F2024-000001", "F2024-000002", "F2025-000001"]


def test_closing_twice_changes_nothing(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    head = cagette.home.billing.log.head()
    assert cagette.close("2024-10", date(2024, 11, 1)).result is Result.UNCHANGED
    assert cagette.close("2024-09", date(2024, 11, 1)).result is Result.UNCHANGED
    assert cagette.home.billing.log.head() == head


@pytest.mark.parametrize(
    ("month", "on", "refusal", "sentence"),
    [
        ("2024-11", "2024-12-01", MonthsStanding, "close 2024-10, settle 2024-10-07"),
        ("2024-10", "2024-11-01", MonthsStanding, "settle 2024-10-07 first"),
        ("2024-09", "2024-09-29", DatedTooEarly, "ends on 2024-09-30"),
    ],
)
def test_a_month_out_of_order_is_refused_and_says_what_to_do(
    cagette: World, month: str, on: str, refusal: type[Exception], sentence: str
) -> None:
    cagette.told(market(), producer(), distribution())
    head = cagette.home.billing.log.head()
    with pytest.raises(refusal, match=sentence):
        cagette.close(month, date.fromisoformat(on))
    assert cagette.home.billing.log.head() == head


def test_documents_are_never_dated_before_the_last_one(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.told(distribution("D2", validated_at=NOVEMBER))
    cagette.close("2024-10", date(2024, 12, 24))
    with pytest.raises(DatedTooEarly, match="2024-12-24"):
        cagette.close("2024-11", date(2024, 12, 1))


def test_a_document_waits_for_what_it_lacks_and_keeps_its_month(cagette: World) -> None:
    nameless = producer("1", company_number=None, address=None)
    cagette.told(on_site(), nameless, producer())
    cagette.told(distribution(sales={"1": 5_000, "2045": 5_000}))
    cagette.told(distribution("D2", validated_at=NOVEMBER))
    answer = cagette.close("2024-10", date(2024, 11, 1))
    assert answer.figures == {"documents": 1, "held_documents": 1}
    cagette.told(producer("1", seq=2))
    cagette.close("2024-11", date(2024, 12, 1))
    assert [row[:3] for row in numbers(cagette)] == [
        ("F2024-000001", "2045", "2024-10"),
        ("F2024-000002", "1", "2024-10"),
        ("F2024-000003", "2045", "2024-11"),
    ]
    assert cagette.violations() == []


def test_a_close_repeated_issues_what_was_held(cagette: World) -> None:
    cagette.told(on_site(), producer(address=None), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.told(producer(seq=2))
    assert cagette.close("2024-10", date(2024, 11, 5)).figures["documents"] == 1


def test_a_credit_note_names_the_invoices_that_it_corrects(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.told(unvalidation())
    cagette.close("2024-11", date(2024, 12, 1))
    credit = cagette.home.billing_desk.document("F2024-000002")
    assert (credit.type, credit.corrects) == ("CREDIT_NOTE", ["F2024-000001"])
    assert credit.totals.gross_cents == -720


def page_of(cagette: World, number: str) -> str:
    """The page of a document."""
    return page(cagette.home.billing_desk.document(number), cagette.home.vault)


def corrected(cagette: World, number: str) -> list[str]:
    """The invoices that a document says it corrects."""
    return list(cagette.home.billing_desk.document(number).corrects)


def test_a_fee_that_moved_home_is_corrected_where_it_was_invoiced(cagette: World) -> None:
    late = distribution(validation_no=3, validated_at=NOVEMBER, day="2024-10-04")
    cagette.told(on_site(), producer(), late, distribution("D2", validated_at=NOVEMBER))
    cagette.told(distribution(validation_no=1))  # its home is October, as it turns out
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.close("2024-11", date(2024, 12, 1))
    again = "2024-12-06T21:00:00+01:00"
    cagette.told(distribution(sales={"2045": 4_000}, validation_no=4, validated_at=again))
    cagette.close("2024-12", date(2025, 1, 1))
    assert [row[2] for row in numbers(cagette)] == ["2024-10", "2024-11", "2024-12"]
    assert corrected(cagette, "F2025-000001") == ["F2024-000001"]


def test_a_fee_that_changed_its_channel_is_corrected_where_it_was_invoiced(
    cagette: World,
) -> None:
    cagette.told(market(), producer(), distribution())
    cagette.told(distribution(validation_no=2, payment_mode="ON_SITE"))
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.told(distribution(sales={"2045": 5_000}, validation_no=3, payment_mode="ON_SITE"))
    cagette.close("2024-11", date(2024, 12, 1))
    assert cagette.bills().documents["2045|2024-10|ON_SITE"]["net"] == 600
    assert corrected(cagette, "F2024-000002") == ["F2024-000001"]


def test_a_second_correction_names_the_invoice_and_not_the_first_credit_note(
    cagette: World,
) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    for number, (month, on) in enumerate([("2024-11", (2024, 12)), ("2024-12", (2025, 1))], 2):
        cagette.told(distribution(sales={"2045": 10_000 - 1_000 * number}, validation_no=number))
        cagette.close(month, date(*on, 1))
    assert corrected(cagette, "F2024-000002") == ["F2024-000001"]
    assert corrected(cagette, "F2025-000001") == ["F2024-000001"]


def test_a_held_document_is_not_dated_before_the_end_of_its_month(cagette: World) -> None:
    cagette.told(on_site(), producer(address=None), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    cagette.told(producer(seq=2))
    with pytest.raises(DatedTooEarly, match="2024-10"):
        cagette.close("2024-10", date(2023, 1, 1))


def test_charged_and_taken_back_in_one_month_needs_no_document(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution(), unvalidation())
    assert cagette.close("2024-10", date(2024, 11, 1)).figures["documents"] == 0


def test_an_issued_document_says_for_ever_what_it_said(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    before = page_of(cagette, "F2024-000001")
    cagette.told(producer(seq=2, name="Un tout autre nom"))
    assert page_of(cagette, "F2024-000001") == before
    for words in ("Facture F2024-000001", "Ferme 2045", "26400 Crest", "7,20", "01/12/2024"):
        assert words in before


def test_a_name_cannot_write_into_the_page(cagette: World) -> None:
    cagette.told(on_site(), producer(name="<script>alert(1)</script>"), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    assert "<script>" not in page_of(cagette, "F2024-000001")


def interrupted_at(portion: int) -> Callable[[int], None]:
    """Counts portions, and interrupts the close after one of them."""
    left = iter(range(portion - 1, -1, -1))

    def advance(_: int) -> None:
        if not next(left):
            raise KeyboardInterrupt

    return advance


def test_a_close_that_ends_between_two_portions_is_gone_on_with_by_the_same_close(
    tmp_path: Path,
) -> None:
    found: dict[str, Rows] = {}
    for name in ("whole", "halves"):
        with world(tmp_path / name) as cagette:
            nameless = [producer(each, address=None) for each in ("1", "2", "3")]
            complete = [producer(str(each)) for each in range(4, 10)]
            sales = {str(each): 1_000 * each for each in range(1, 10)}
            cagette.told(on_site(), *nameless, *complete, distribution(sales=sales))
            desk = BillingDesk(cagette.home.billing, cagette.home.vault, portion=2)
            asked = ("2024-10", date(2024, 11, 1))
            if name == "halves":
                with pytest.raises(KeyboardInterrupt):
                    desk.close(*asked, by="test", advance=interrupted_at(3))
                assert [row["party_id"] for row in cagette.rows(DOCUMENTS)] == ["4", "5", "6"]
            assert desk.close(*asked, by="test").figures["held_documents"] == 3
            assert desk.close(*asked, by="test").result is Result.UNCHANGED
            cagette.told(producer("2", seq=2))
            assert desk.close(*asked, by="test").figures == {"documents": 1, "held_documents": 2}
            assert cagette.violations() == []
            assert relived(cagette.home, "billing").is_same
            found[name] = cagette.rows(DOCUMENTS)
    assert found["whole"] == found["halves"]
    assert [row["party_id"] for row in found["whole"]] == ["4", "5", "6", "7", "8", "9", "2"]
