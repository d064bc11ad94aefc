"""Asks that wait for the right to write: one commit for all of them, and an answer for each."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from uuid import uuid4

import pytest

from services.gateway.api.bodies import Market as MarketBody
from services.gateway.api.bodies import Producer as ProducerBody
from services.gateway.api.notices import market_notice, producer_notice
from services.gateway.application import Gateway
from services.gateway.domain.market import Market, MarketNotice
from services.gateway.main import build
from services.gateway.use_cases.markets import tell_market
from shared.eventstore.asks import Ask, Asked
from shared.eventstore.lease import FileLease, Lease, NoLease, PostgresLease
from shared.eventstore.log import EventLog
from shared.eventstore.memory import MemoryLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import LogRecorder, StreamConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotValid
from shared.kernel.persons import Sealed
from shared.messaging import asking
from shared.messaging.house import House
from tests.support.notices import market, producer
from tests.support.processes import wait_until

Asking = Future[tuple[Answer, bool]]
UseCase = Callable[[Gateway], Answer]


class Crowd:
    """A house, and threads that ask it while its lease is held."""

    def __init__(self, recorder: LogRecorder, lease: Lease, threads: ThreadPoolExecutor) -> None:
        log = EventLog(recorder)
        log.migrate()
        self.house: House[Gateway] = build(log, lease)
        self._threads = threads

    def asked(self, *asks: tuple[Ask, UseCase]) -> list[Asking]:
        """Ask all of these at once, in this order."""
        asked: list[Asking] = []
        with self.house.still():
            for ask, use_case in asks:
                asked.append(self._threads.submit(self.house.ask, ask, use_case))
                wait_until(lambda: len(self.house._line._waiting) == len(asked))
        return asked

    def causes(self) -> list[str]:
        """The causes of the log's events, in order; each ask must stand before all it caused."""
        causes = []
        for cause, events in groupby(self.house.log.history(), lambda event: event.cause):
            is_ask = [isinstance(event, Asked.Made) for event in events]
            assert is_ask == [True] + [False] * (len(is_ask) - 1)
            causes.append(cause)
        return causes

    def market(self) -> Market | None:
        """The market as the log knows it."""
        return self.house.log.begin().find(Market, MARKET)


MARKET = Market.create_id("1606")


PRODUCER = ProducerBody.model_validate(producer()["body"])
UNSEEN = Sealed("unseen")


def notice_of(seq: int, name: str) -> MarketNotice:
    """A notice that gives the market a name."""
    return market_notice("1606", MarketBody.model_validate(market(seq=seq, name=name)["body"]))


def renamed(seq: int, name: str, key: str | None = None) -> tuple[Ask, UseCase]:
    """An ask that gives the market another name."""
    notice = notice_of(seq, name)
    ask = Ask("tell-market", {"notice": notice}, by="test", nonce=uuid4(), key=key)
    return ask, lambda gateway: tell_market(gateway, notice)


def refused(seq: int, name: str) -> tuple[Ask, UseCase]:
    """The same, but refused after it has changed and kept the market, and begun a producer."""
    ask, use_case = renamed(seq, name)

    def refuse(gateway: Gateway) -> Answer:
        use_case(gateway)
        gateway.keep(gateway.enrolled(producer_notice("2045", PRODUCER, lambda _: UNSEEN)))
        raise NotValid("after all")

    return ask, refuse


def forgetful(seq: int, name: str, *, refuses: bool = False) -> tuple[Ask, UseCase]:
    """An ask that changes the market and does not keep it, and may then be refused."""
    ask, _ = renamed(seq, name)

    def forget(gateway: Gateway) -> Answer:
        market = gateway.market("1606")
        assert market is not None
        market.tell(notice_of(seq, name), ())
        if refuses:
            raise NotValid("after all")
        return Answer(Result.UPDATED)

    return ask, forget


@pytest.fixture(params=["sqlite", "postgres"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crowd]:
    with ThreadPoolExecutor(8) as threads:
        if request.param == "sqlite":
            sqlite = SQLiteLogRecorder(tmp_path / "log.sqlite")
            made = Crowd(sqlite, FileLease(tmp_path / "lease"), threads)
        else:
            postgres = PostgresLogRecorder(request.getfixturevalue("database_url"), "house")
            made = Crowd(postgres, PostgresLease(postgres, "write"), threads)
        yield made
        made.house.log.close()


def results(asked: list[Asking]) -> list[str]:
    """The result of each, or the name of the error that it met."""
    errors = [one.exception(timeout=10) for one in asked]
    return [
        type(error).__name__ if error else one.result()[0].result.name
        for one, error in zip(asked, errors, strict=True)
    ]


def transactions(crowd: Crowd) -> int:
    """How many transactions wrote the log."""
    assert isinstance(crowd.house.log.recorder, PostgresLogRecorder)
    with crowd.house.log.recorder.connection() as connection:
        row = connection.execute("SELECT count(DISTINCT xmin::text) FROM house.stored_events")
        return int((row.fetchone() or (0,))[0])


def test_each_finds_what_was_done_before_him_and_stands_in_front_of_what_he_caused(
    crowd: Crowd,
) -> None:
    asks = [renamed(seq, f"Marché {seq}") for seq in range(1, 6)]
    assert results(crowd.asked(*asks)) == ["CREATED", *["UPDATED"] * 4]
    assert crowd.causes() == [ask.cause for ask, _ in asks]
    found = crowd.market()
    assert found is not None
    assert found.details.name == "Marché 5"


def test_a_refusal_leaves_nothing_behind_for_who_comes_next(crowd: Crowd) -> None:
    asked = crowd.asked(renamed(1, "A"), refused(2, "B"), renamed(2, "C"), refused(3, "D"))
    assert results(asked) == ["CREATED", "NotValid", "UPDATED", "NotValid"]
    found = crowd.market()
    assert found is not None
    assert (found.details.name, len(crowd.causes())) == ("C", 2)
    assert crowd.house.log.begin().tagged("") == []


def test_what_one_changed_and_did_not_keep_is_his_own_fault(crowd: Crowd) -> None:
    forgetful_ones = (forgetful(2, "B"), forgetful(2, "C", refuses=True))
    asked = crowd.asked(renamed(1, "A"), *forgetful_ones, renamed(2, "D"))
    assert results(asked) == ["CREATED", "AssertionError", "NotValid", "UPDATED"]
    found = crowd.market()
    assert found is not None
    assert (found.details.name, found.version) == ("D", 4)


def test_one_key_is_one_ask_also_of_those_who_ask_at_once(crowd: Crowd) -> None:
    asked = crowd.asked(renamed(1, "A", "k"), renamed(1, "A", "k"), renamed(1, "B", "k"))
    assert results(asked) == ["CREATED", "CREATED", "KeyReused"]
    assert [one.result()[1] for one in asked[:2]] == [False, True]
    assert len(crowd.causes()) == 1


def test_nobody_hears_that_it_was_done_before_it_is_durable(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> list[int]:
        raise StreamConflict("somebody else was first")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(crowd.house.log.recorder, "append", away)
        asked = crowd.asked(renamed(1, "A"), renamed(2, "B", "k"), renamed(3, "C"))
        assert results(asked) == ["StreamConflict"] * 3
        asked = crowd.asked(renamed(1, "A", "k"), renamed(1, "B", "k"))
        assert results(asked) == ["StreamConflict"] * 2, "the key was never used"
    assert crowd.market() is None
    assert results(crowd.asked(renamed(2, "B", "k"), renamed(3, "C"))) == ["CREATED", "UPDATED"]


def test_in_memory_too_a_refusal_leaves_nothing_behind() -> None:
    house = build(MemoryLog(), NoLease())
    house.ask(*renamed(1, "A"))
    for refusing in (refused(2, "B"), forgetful(2, "B", refuses=True)):
        with pytest.raises(NotValid):
            house.ask(*refusing)
    house.ask(*renamed(2, "C"))
    versions = [e.originator_version for e in house.log.history() if e.originator_id == MARKET]
    assert versions == [1, 2, 3, 4]


def test_who_looks_for_first_events_sees_those_that_were_just_kept(crowd: Crowd) -> None:
    results(crowd.asked(renamed(1, "A")))
    work = crowd.house.log.begin()
    fresh = Market("1", notice_of(1, "B").details)
    work.keep((fresh,), "ask:test")
    first = work.first_events([fresh.id, Market.create_id("2"), MARKET])
    assert [event.originator_id for event in first] == [fresh.id, MARKET]


@pytest.mark.parametrize("crowd", ["postgres"], indirect=True)
def test_one_transaction_holds_all_of_them_and_not_too_much(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    results(crowd.asked(*(renamed(seq, f"Marché {seq}") for seq in range(1, 6))))
    assert transactions(crowd) == 1
    monkeypatch.setattr(asking, "MAXIMUM_EVENTS", 4)
    results(crowd.asked(*(renamed(seq, f"Marché {seq}") for seq in range(6, 11))))
    assert transactions(crowd) == 1 + 3


@pytest.mark.parametrize("crowd", ["postgres"], indirect=True)
def test_who_writes_elsewhere_need_not_wait_for_the_whole_line(
    crowd: Crowd, database_url: str
) -> None:
    done: list[int] = []

    def slow(seq: int) -> tuple[Ask, UseCase]:
        ask, use_case = renamed(seq, f"Marché {seq}")

        def slowly(gateway: Gateway) -> Answer:
            time.sleep(1.5 * asking.MAXIMUM_SECONDS)
            done.append(seq)
            return use_case(gateway)

        return ask, slowly

    elsewhere = PostgresLogRecorder(database_url, "house")
    asked = crowd.asked(*(slow(seq) for seq in range(1, 7)))
    wait_until(lambda: bool(done))
    with PostgresLease(elsewhere, "write").held():
        assert 1 <= len(done) < 6
    elsewhere.close()
    assert results(asked) == ["CREATED", *["UPDATED"] * 5]
    assert (done, transactions(crowd)) == ([1, 2, 3, 4, 5, 6], 6)


def test_an_ask_is_the_same_again_whatever_python_its_arguments_were(crowd: Crowd) -> None:
    arguments = {"producers": ("7", "8"), "days": {1: "monday"}}
    asks = [Ask("tell", arguments, by="test", nonce=uuid4(), key="k") for _ in range(2)]
    answers = [crowd.house.ask(ask, lambda _: Answer(Result.CREATED)) for ask in asks]
    assert [is_replay for _, is_replay in answers] == [False, True]
