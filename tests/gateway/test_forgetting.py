"""A producer forgotten: whatever is told of them afterwards, the person does not come back."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.domain.producer import PartyRefused, Producer
from services.gateway.views.producers import PRODUCERS
from shared.eventstore.asks import Asked
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotFound, NumberReused
from shared.kernel.persons import FORGOTTEN
from shared.vault.vault import producer_key
from tests.support.notices import distribution, market, producer
from tests.support.world import World

MISSING = "company_number street postcode city"


def shown(cagette: World, producer_id: str = "2045") -> dict[str, Any]:
    """What the gateway shows of a producer."""
    cagette.home.caught_up()
    rows = cagette.home.views["gateway"].rows(PRODUCERS)
    names = PRODUCERS.columns.keys()
    found = (dict(zip(names, row, strict=True)) for row in rows)
    return next(row for row in found if row["producer_id"] == producer_id)


def persons(cagette: World) -> list[str]:
    """The sealed persons in everything the gateway remembers, in order."""
    states = b"".join(state for state in stored(cagette))
    return [found.decode() for found in re.findall(rb'"person":"([^"]+)"', states)]


def stored(cagette: World) -> list[bytes]:
    recorder = cagette.home.gateway.log.recorder
    return [n.state for n in recorder.select_notifications(0, 10_000)]


def heads(cagette: World) -> list[int]:
    return [house.log.head() for house in cagette.home.houses]


def test_who_is_forgotten_is_told_to_all_without_his_person(cagette: World) -> None:
    cagette.told(producer())
    sealed = persons(cagette)[-1]
    assert cagette.home.vault.unseal(sealed).name == "Ferme 2045"
    assert cagette.forget().result is Result.UPDATED
    assert persons(cagette)[-1] == FORGOTTEN
    assert cagette.home.vault.unseal(sealed).name == "effacé"
    assert shown(cagette)["info_missing"] == MISSING
    last = cagette.home.workers["billing"].source
    assert last is not None
    told = last.poll({}, 100)[-1]
    assert told.type == "cagette.gateway.ProducerChanged.v1"
    assert b'"person":"erased:"' in told.value


def test_who_asked_and_why_is_remembered(cagette: World) -> None:
    cagette.told(producer())
    cagette.forget()
    asks = [e for e in cagette.home.gateway.log.history() if isinstance(e, Asked.Made)]
    assert (asks[-1].use_case, asks[-1].by) == ("forget-producer", "test")
    assert asks[-1].arguments == {"producer_id": "2045", "why": "a test"}


def test_forgetting_twice_changes_nothing_and_so_does_a_dry_run(cagette: World) -> None:
    cagette.told(producer())
    before = heads(cagette)
    assert cagette.forget(dry_run=True).result is Result.UPDATED
    assert heads(cagette) == before
    assert cagette.home.vault.has_key(producer_key("2045"))
    cagette.forget()
    before = heads(cagette)
    again = cagette.forget()
    assert (again.result, again.figures) == (Result.UNCHANGED, {"keys_destroyed": 0})
    assert heads(cagette) == before


def test_an_unknown_producer_cannot_be_forgotten(cagette: World) -> None:
    with pytest.raises(NotFound, match="No producer 7 was told"):
        cagette.forget("7")
    assert not cagette.home.vault.keys.names()


@pytest.mark.parametrize(
    ("notice", "result"),
    [
        (producer(seq=3), Result.UNCHANGED),
        (producer(seq=3, name="Un tout autre nom"), Result.UNCHANGED),
        (producer(seq=3, address=None), Result.UNCHANGED),
        (producer(seq=2), Result.STALE),
        (producer(seq=4), Result.UPDATED),
        (producer(seq=4, name="Un tout autre nom", pedagogic=True), Result.UPDATED),
    ],
)
def test_who_was_forgotten_may_be_told_again_by_a_cron_job_and_stays_forgotten(
    cagette: World, notice: dict[str, Any], result: Result
) -> None:
    cagette.told(producer(seq=3))
    cagette.forget()
    for expected in (result, result if result is not Result.UPDATED else Result.UNCHANGED):
        (answer,) = cagette.told(notice)
        assert answer.result is expected
        assert "2045 was forgotten" in " ".join(answer.warnings)
        assert "nom" not in " ".join(answer.warnings).replace("name", "")
    assert set(persons(cagette)[2:]) <= {FORGOTTEN}
    assert shown(cagette)["info_missing"] == MISSING
    assert shown(cagette)["pedagogic"] is notice["body"].get("pedagogic", False)


def test_another_content_under_the_same_number_is_still_refused_where_it_can_be_seen(
    cagette: World,
) -> None:
    cagette.told(producer())
    cagette.forget()
    with pytest.raises(NumberReused) as refusal:
        cagette.told(producer(joined_on="2021-01-01"))
    assert "Ferme" not in refusal.value.sentence


def test_told_between_the_event_and_the_end_of_the_key_he_is_forgotten_already(
    cagette: World,
) -> None:
    cagette.told(producer())
    cagette.home.gateway_desk.forget("2045", by="test", why="broken off")
    (answer,) = cagette.told(producer(seq=2, name="Un tout autre nom"))
    assert answer.result is Result.UPDATED
    assert cagette.forget().result is Result.UPDATED
    changes = (Producer.Changed, Producer.Forgotten)
    events = [e for e in cagette.home.gateway.log.history() if isinstance(e, changes)]
    assert [event.notice.person for event in events] == [FORGOTTEN, FORGOTTEN]
    assert {cagette.home.vault.unseal(sealed).name for sealed in persons(cagette)} == {"effacé"}


def test_a_gateway_restored_from_before_the_forgetting_does_not_bring_him_back(
    cagette: World,
) -> None:
    cagette.told(producer())
    at = datetime(2026, 3, 2, tzinfo=UTC)
    cagette.home.vault.destroy(producer_key("2045"), by="test", why="a test", at=at)
    answers = [cagette.told(producer(seq=seq))[0].result for seq in (1, 2, 2)]
    assert answers == [Result.UNCHANGED, Result.UPDATED, Result.UNCHANGED]
    assert shown(cagette)["info_missing"] == MISSING
    assert cagette.forget().result is Result.UNCHANGED


def test_who_is_invoiced_in_the_place_of_others_is_not_forgotten_before_they_leave_him(
    cagette: World,
) -> None:
    cagette.told(producer("1"), producer("7", billing_party_id="1"))
    with pytest.raises(PartyRefused, match="Producers 7 are invoiced through 1"):
        cagette.forget("1")
    assert cagette.home.vault.has_key(producer_key("1"))
    cagette.told(producer("7", seq=2))
    assert cagette.forget("1").result is Result.UPDATED


def test_a_party_may_be_forgotten_once_all_that_named_it_are(cagette: World) -> None:
    cagette.told(producer("1"), producer("7", billing_party_id="1"))
    results = [cagette.forget(each).result for each in ("7", "1")]
    assert results == [Result.UPDATED, Result.UPDATED]


def test_what_a_forgotten_producer_sells_is_still_told_and_charged(cagette: World) -> None:
    cagette.told(market(), producer())
    cagette.forget()
    cagette.told(distribution())
    assert sum(cagette.bills().fees.values()) == 900


def test_a_refused_notice_says_nothing_of_the_person_in_it(cagette: World) -> None:
    cagette.told(producer())
    wrong = [
        producer(name="Jeanne Secrète"),
        producer(seq=2, name="Jeanne Secrète", country="BE"),
        producer(seq=2, name="Jeanne Secrète" * 20),
        producer(seq=2, name="Jeanne Secrète", billing_party_id="2045", company_number="Secrète"),
        producer("8", name="Jeanne Secrète", vat_number="Secrète", billing_email="s" * 201),
    ]
    for notice in wrong:
        (result,) = cagette.tell(notice)
        assert not isinstance(result.outcome, Answer)
        assert "ecr" not in f"{result.outcome!r} {result.outcome.sentence} {result.outcome.flaws}"
