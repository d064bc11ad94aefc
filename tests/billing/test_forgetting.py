"""What must be done before a producer is forgotten, and what is kept: issued documents."""

from datetime import UTC, date, datetime

import pytest

from services.billing.use_cases.forgetting import StillUnfinished
from services.billing.views.documents import DOCUMENTS
from shared.facts.envelope import Message
from shared.kernel.answers import Result
from shared.messaging.releasing import ParkedDesk
from shared.vault.vault import documents_key
from tests.billing.test_documents import NOVEMBER, numbers, on_site, page_of
from tests.support.notices import distribution, market, producer, unvalidation
from tests.support.world import World


def closed(cagette: World) -> None:
    """October of one market paid on site is closed, with a document."""
    cagette.told(on_site(), producer(), distribution())
    cagette.close("2024-10", date(2024, 11, 1))


def refused(cagette: World, producer_id: str, *words: str) -> None:
    """Forgetting is refused, saying what is to be done first; nothing changed."""
    cagette.home.caught_up()
    before = [house.log.head() for house in cagette.home.houses]
    with pytest.raises(StillUnfinished) as refusal:
        cagette.forget(producer_id)
    for word in words:
        assert word in refusal.value.sentence
    assert [house.log.head() for house in cagette.home.houses] == before
    assert all(cagette.home.vault.keys.names().values())


def test_fees_at_source_are_withheld_and_documented_first(cagette: World) -> None:
    cagette.told(market(), producer(), distribution())
    refused(cagette, "2045", "settle 2024-10-07", "close 2024-10")
    cagette.payout("2024-10-07")
    refused(cagette, "2045", "yet: close 2024-10 first")
    cagette.close("2024-10", date(2024, 11, 1))
    assert cagette.forget().result is Result.UPDATED


def test_fees_on_site_are_documented_first(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    refused(cagette, "2045", "yet: close 2024-10 first")
    cagette.close("2024-10", date(2024, 11, 1))
    assert cagette.forget().result is Result.UPDATED


def test_a_document_that_is_held_is_issued_first(cagette: World) -> None:
    cagette.told(on_site(), producer(address=None), distribution())
    cagette.close("2024-10", date(2024, 11, 1))
    refused(cagette, "2045", "tell the details of 2045 that the 2024-10 document lacks")
    cagette.told(producer(seq=2))
    cagette.close("2024-10", date(2024, 11, 2))
    assert cagette.forget().result is Result.UPDATED


@pytest.mark.parametrize("who", ["1", "7"])
def test_neither_a_party_nor_who_is_invoiced_through_it_is_forgotten_with_fees_open(
    cagette: World, who: str
) -> None:
    cagette.told(on_site(), producer("1"), producer("7", billing_party_id="1"))
    cagette.told(distribution(sales={"7": 10_000}))
    cagette.told(producer("7", seq=2))
    refused(cagette, who, "close 2024-10")
    cagette.close("2024-10", date(2024, 11, 1))
    assert cagette.forget(who).result is Result.UPDATED
    assert "Ferme 1<" in page_of(cagette, "F2024-000001").replace("\n", "<")


def test_what_others_have_open_keeps_nobody(cagette: World) -> None:
    cagette.told(on_site(), producer(), producer("7"), distribution(sales={"7": 10_000}))
    assert cagette.forget().result is Result.UPDATED


def test_what_was_charged_and_taken_back_keeps_nobody(cagette: World) -> None:
    cagette.told(on_site(), market("2"), producer(), distribution(), unvalidation())
    cagette.told(distribution("D2", market_id="2"), unvalidation("D2"))
    assert cagette.forget().result is Result.UPDATED


def test_what_is_parked_of_him_is_taken_in_first(cagette: World) -> None:
    cagette.told(producer())
    at, kind = datetime(2026, 11, 24, tzinfo=UTC), "cagette.gateway.SalesValidated.v1"
    position = cagette.home.gateway.log.head() + 1
    cagette.home.billing.hear([Message("gateway", position, kind, "2045", at, b"{}")])
    refused(cagette, "2045", "replay or drop the parked facts of gateway/2045")
    desk = ParkedDesk(cagette.home.billing)
    desk.release("gateway", "2045", by="test", why="a test", drop=True)
    assert cagette.forget().result is Result.UPDATED


def test_an_issued_invoice_names_its_buyer_for_ten_years_whoever_was_forgotten(
    cagette: World,
) -> None:
    closed(cagette)
    before = page_of(cagette, "F2024-000001")
    cagette.forget()
    assert page_of(cagette, "F2024-000001") == before
    for words in ("Ferme 2045", "26400 Crest", "83244353700015"):
        assert words in before
    buyer = cagette.home.billing_desk.document("F2024-000001").buyer
    assert buyer.startswith("siv1:documents/2024:")


def test_after_ten_years_the_buyers_of_a_whole_year_are_erased_from_their_pages(
    cagette: World,
) -> None:
    closed(cagette)
    at = datetime(2035, 1, 2, tzinfo=UTC)
    cagette.home.vault.destroy(documents_key(2024), by="test", why="ten years", at=at)
    page = page_of(cagette, "F2024-000001")
    assert "effacé" in page
    assert [word for word in ("Ferme", "Crest", "83244353700015", "None") if word in page] == []
    assert "7,20" in page


def test_a_buyer_is_sealed_under_the_year_in_which_his_document_is_issued(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    cagette.told(distribution("D2", validated_at=NOVEMBER))
    cagette.close("2024-10", date(2024, 12, 31))
    cagette.close("2024-11", date(2025, 1, 1))
    found = [cagette.home.billing_desk.document(row[0]).buyer for row in numbers(cagette)]
    assert [buyer.split(":")[1] for buyer in found] == ["documents/2024", "documents/2025"]


def test_a_correction_after_the_forgetting_names_the_buyer_of_what_it_corrects(
    cagette: World,
) -> None:
    closed(cagette)
    cagette.forget()
    cagette.told(unvalidation())
    answer = cagette.close("2024-11", date(2025, 1, 1))
    assert answer.figures == {"documents": 1, "held_documents": 0}
    assert "Ferme 2045" in page_of(cagette, "F2025-000001")
    buyer = cagette.home.billing_desk.document("F2025-000001").buyer
    assert buyer.startswith("siv1:documents/2025:")
    assert cagette.violations() == []


def test_what_is_sold_after_the_forgetting_is_charged_and_its_document_held(
    cagette: World,
) -> None:
    closed(cagette)
    cagette.forget()
    cagette.told(distribution("D2", validated_at=NOVEMBER))
    answer = cagette.close("2024-11", date(2024, 12, 1))
    assert answer.figures == {"documents": 0, "held_documents": 1}
    assert len(cagette.rows(DOCUMENTS)) == 1
    assert cagette.violations() == []


def test_a_dry_close_makes_no_key(cagette: World) -> None:
    cagette.told(on_site(), producer(), distribution())
    before = cagette.home.vault.keys.names()
    desk = cagette.home.billing_desk
    desk.close("2024-10", date(2024, 11, 1), by="test", dry_run=True)
    assert cagette.home.vault.keys.names() == before
