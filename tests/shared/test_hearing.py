"""Hearing facts: each exactly once, poison set aside with its stream, nothing skipped."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from services.billing.application import FactsParked
from services.billing.views.fees import FEES
from services.gateway.api.imports import BODIES
from shared.asks.base import Body
from shared.eventstore.asks import Asked
from shared.facts.envelope import Message, UnknownFact
from shared.kernel.errors import KeyReused
from shared.messaging.parking import ParkedFacts, parked_id, parked_keys
from shared.messaging.releasing import ParkedDesk
from tests.support.notices import (
    Notice,
    completion,
    distribution,
    enrolment,
    market,
    producer,
    session,
    unvalidation,
)
from tests.support.world import World, world

NOW = datetime(2024, 10, 5, tzinfo=UTC)
SALES = "cagette.gateway.SalesValidated.v1"
TOLD = [market(), producer(), distribution(), unvalidation(), distribution(validation_no=2)]


def facts(cagette: World) -> list[Message]:
    """Everything that the gateway told."""
    messages, _ = cagette.home.gateway.told(0, 1_000)
    return messages


def poison(key: str, value: bytes = b"{}", kind: str = SALES) -> Message:
    """A fact that billing cannot take."""
    return Message("gateway", 10_000, kind, key, NOW, value)


def test_a_fact_that_comes_again_changes_nothing(cagette: World) -> None:
    cagette.told(*TOLD)
    before = cagette.home.billing.log.head()
    cagette.home.billing.hear(facts(cagette))
    cagette.home.billing.hear(facts(cagette)[:2])
    assert cagette.home.billing.log.head() == before


def test_facts_are_taken_one_by_one_as_they_are_together(cagette: World) -> None:
    for notice in TOLD:
        cagette.told(notice)
    charged = [(fee["kind"], fee["amount_cents"]) for fee in cagette.rows(FEES)]
    assert charged == [
        ("PAYMENT", 300),
        ("PAYMENT", -300),
        ("PAYMENT", 300),
        ("SERVICE", 600),
        ("SERVICE", -600),
        ("SERVICE", 600),
    ]


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (b"\xff\xfe not utf-8", "cagette.gateway.SalesValidated.v1", "malformed-fact"),
        (b"{", "cagette.gateway.SalesValidated.v1", "malformed-fact"),
        (b"null", "cagette.gateway.SalesValidated.v1", "malformed-fact"),
        (b'{"producer_id": "2045"}', "cagette.gateway.SalesValidated.v1", "malformed-fact"),
        (b"{}", "cagette.gateway.SalesValidated.v9", "unknown-fact"),
        (b"{}", "somebody.else.v1", "unknown-fact"),
    ],
)
def test_poison_is_parked_with_its_reason_and_the_rest_goes_on(
    cagette: World, value: bytes, kind: str, reason: str
) -> None:
    cagette.told(*TOLD)
    for _ in range(2):  # it comes again, and is parked once
        cagette.home.billing.hear([poison("2045", value, kind)])
    parked = [
        event
        for event in cagette.home.billing.log.history()
        if isinstance(event, ParkedFacts.Parked)
    ]
    assert [(event.reason, event.message.value, event.message.position) for event in parked] == [
        (reason, value, 10_000)
    ]
    assert cagette.home.billing.heard()["gateway/0"] == 10_000


def test_later_facts_of_a_parked_stream_wait_and_those_of_others_do_not(cagette: World) -> None:
    cagette.told(market(), producer("1"), producer("2"))
    next_position = cagette.home.gateway.log.head() + 1
    cagette.home.billing.hear([Message("gateway", next_position, "unknown", "1", NOW, b"{}")])
    cagette.told(distribution("D0", sales={}))  # takes the position that the poison had
    cagette.told(distribution(sales={"1": 1_000, "2": 1_000}))
    assert {fee["producer_id"] for fee in cagette.rows(FEES)} == {"2"}
    assert parked_keys(cagette.home.billing.log.begin()) == {"gateway/1": 2}


Happened = tuple[str, str, str | None]


def happened(cagette: World) -> list[Happened]:
    """What billing remembers of facts: which event, its cause, and why it was parked if it was."""
    return [
        (type(event).__qualname__, event.cause, getattr(event, "reason", None))
        for event in cagette.home.billing.log.history()
        if not event.cause.startswith("ask:")
    ]


def calls(monkeypatch: pytest.MonkeyPatch, of: object, name: str) -> list[tuple[Any, ...]]:
    """The arguments that a method is called with from now on."""
    method, found = getattr(of, name), list[tuple[Any, ...]]()

    def noted(*given: Any) -> Any:
        found.append(given)
        return method(*given)

    monkeypatch.setattr(of, name, noted)
    return found


def test_poison_among_facts_is_one_transaction_with_them_as_if_each_came_alone(
    cagette: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cagette.told(market(), producer("1"), producer("2"))
    for number in range(1, 5):
        cagette.told(distribution(f"D{number}", {"1": 1_000, "2": 2_000}))
    messages = facts(cagette)
    of_one = [n for n, m in enumerate(messages) if (m.key, m.type) == ("1", SALES)]
    for spoilt in of_one[1:3]:
        messages[spoilt] = replace(messages[spoilt], value=b"{}")
    with world(tmp_path / "alone") as other:
        for message in messages:
            other.home.billing.hear([message])
        alone = happened(other)
    assert [reason for _, _, reason in alone if reason] == ["malformed-fact"] + 2 * ["waits-behind"]
    with world(tmp_path / "together") as other:
        appended = calls(monkeypatch, other.home.billing.log.recorder, "append")
        other.home.billing.hear(messages)
        assert (len(appended), happened(other)) == (1, alone)


def test_what_was_parked_once_is_not_looked_at_for_other_keys(
    cagette: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        cagette.home.billing.hear([replace(poison(f"old-{number}"), position=number + 1)])
    recorder = cagette.home.billing.log.recorder
    read, together = calls(monkeypatch, recorder, "stream"), calls(monkeypatch, recorder, "streams")
    cagette.told(market(), producer("1"), distribution(sales={"1": 1_000}))
    old = {parked_id("gateway", f"old-{number}") for number in range(3)}
    streams = {stream for stream, *_ in read}
    streams |= {stream for wanted, *_ in together for stream in wanted}
    assert parked_id("gateway", "1") in streams
    assert not old & streams


def release(cagette: World, *, drop: bool) -> int:
    """Release the parked facts of producer 1; returns how many."""
    desk = ParkedDesk(cagette.home.billing)
    return desk.release("gateway", "1", by="ops", why="a test", drop=drop).figures["facts"]


def test_what_is_parked_is_taken_in_again_in_order_or_dropped(cagette: World) -> None:
    cagette.told(market(), producer("1"))
    billing = cagette.home.billing
    billing.hear([Message("gateway", cagette.home.gateway.log.head() + 1, "x", "1", NOW, b"{}")])
    cagette.told(distribution("D0", sales={}), distribution(sales={"1": 1_000}))
    with pytest.raises(UnknownFact):
        release(cagette, drop=False)
    assert parked_keys(billing.log.begin()) == {"gateway/1": 2}
    assert release(cagette, drop=True) == 2
    assert (parked_keys(billing.log.begin()), cagette.rows(FEES)) == ({}, [])
    cagette.told(distribution(sales={"1": 2_000}, validation_no=2))
    assert {fee["base_cents"] for fee in cagette.rows(FEES)} == {2_000}


def test_facts_that_waited_behind_poison_are_billed_once_they_are_released(
    cagette: World,
) -> None:
    cagette.told(market(), producer("1"), distribution(sales={"1": 1_000}))
    fact = next(m for m in facts(cagette) if m.type.endswith("SalesValidated.v1"))
    cagette.told(unvalidation())
    billing = cagette.home.billing
    mended = replace(fact, position=20_000)
    work = billing.log.begin()
    stream = ParkedFacts("gateway", "1")
    stream.park(mended, None)
    work.keep([stream], "test")
    work.commit()
    assert release(cagette, drop=False) == 1
    cagette.home.caught_up()
    assert sum(fee["amount_cents"] for fee in cagette.rows(FEES)) == 90


def test_a_month_is_not_closed_over_parked_facts_but_despite_them_with_a_reason(
    cagette: World,
) -> None:
    cagette.told(*TOLD)
    cagette.home.billing.hear([poison("2045")])
    with pytest.raises(FactsParked, match="gateway/2045"):
        cagette.payout("2024-10-07")
    cagette.home.billing_desk.settle(date(2024, 10, 7), by="ops", why="checked by hand")
    with pytest.raises(FactsParked, match="gateway/2045"):
        cagette.close("2024-10")
    desk = cagette.home.billing_desk
    answer = desk.close("2024-10", NOW.date().replace(day=31), by="ops", why="checked by hand")
    assert answer.figures["documents"] == 1


def test_the_same_idempotency_key_gives_the_same_answer_for_ever(cagette: World) -> None:
    cagette.told(session(), enrolment("2024-10-20"))
    body = _body(completion("2024-12-13"))
    desk = cagette.home.gateway_desk
    first = desk.tell("2045", body, by="test", session_id="INT-1", key="k1")
    head = cagette.home.training.log.head()
    again = desk.tell("2045", body, by="test", session_id="INT-1", key="k1")
    assert (first[1], again[1]) == (False, True)
    assert first[0] == again[0]
    assert cagette.home.training.log.head() == head
    other = _body(completion("2024-12-14"))
    with pytest.raises(KeyReused):
        desk.tell("2045", other, by="test", session_id="INT-1", key="k1")


def test_an_ask_remembers_who_asked_and_what_was_heard_by_then(cagette: World) -> None:
    cagette.told(*TOLD)
    heard = cagette.home.billing.heard()
    cagette.payout("2024-10-07")
    asks = [e for e in cagette.home.billing.log.history() if isinstance(e, Asked.Made)]
    assert [(ask.use_case, ask.by) for ask in asks] == [("publish", "system"), ("settle", "test")]
    assert asks[-1].heard == heard
    assert asks[-1].arguments == {"monday": "2024-10-07", "despite": False, "why": None}
    caused = [e for e in cagette.home.billing.log.history() if e.cause == asks[-1].cause]
    assert len(caused) > 1


def _body(notice: Notice) -> Body:
    return BODIES[notice["kind"]].model_validate(notice["body"])
