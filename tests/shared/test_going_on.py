"""Transactions that go on from the one before: nothing is loaded twice, nothing stale is found."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from eventsourcing.domain import OriginatorVersionError

from services.billing.domain.books import Books
from services.billing.domain.sale import Sale
from services.billing.domain.tariff import TariffBook
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import StreamConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.work import Work
from shared.facts.envelope import Message
from tests.support.notices import distribution, market, producer
from tests.support.recorders import by_hand
from tests.support.world import World

MONDAYS = (date(2024, 10, 7), date(2024, 10, 14), date(2024, 10, 21))
BOOKS = Books.create_id()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(SQLiteLogRecorder(tmp_path / "log.sqlite"))
    log.migrate()
    yield log
    log.close()


def begun(log: EventLog, earlier: Work) -> Work:
    """A transaction that goes on from another."""
    work = log.begin()
    work.go_on_from(earlier)
    return work


def settled(work: Work, monday: date) -> Work:
    """A transaction in which a Monday was settled, committed."""
    books = work.get(Books, BOOKS, Books)
    books.settle(monday)
    work.keep((books,), "ask:test")
    work.commit()
    return work


def test_what_was_left_in_hand_is_not_loaded_again(log: EventLog) -> None:
    first = settled(log.begin(), MONDAYS[0])
    second = settled(begun(log, first), MONDAYS[1])
    assert second.find(Books, BOOKS) is first.find(Books, BOOKS)
    third = begun(log, second)
    third.fetch([BOOKS])
    assert third.find(Books, BOOKS) is second.find(Books, BOOKS)


def test_what_somebody_wrote_since_is_found(log: EventLog) -> None:
    first = settled(log.begin(), MONDAYS[0])
    settled(log.begin(), MONDAYS[2])
    books = begun(log, first).find(Books, BOOKS)
    assert books is not None
    assert books.settled_until == MONDAYS[2]


def test_a_stream_with_a_gap_is_not_replayed(log: EventLog) -> None:
    work = log.begin()
    for monday in MONDAYS:
        work = settled(begun(log, work), monday)
    by_hand(log, "DELETE FROM stored_events WHERE originator_version = 3")
    with pytest.raises(OriginatorVersionError):
        log.begin().find(Books, BOOKS)


def test_what_was_begun_and_not_kept_is_not_found(log: EventLog) -> None:
    first = log.begin()
    first.get(TariffBook, TariffBook.create_id(), TariffBook)
    settled(first, MONDAYS[0])
    assert begun(log, first).find(TariffBook, TariffBook.create_id()) is None


SALE = Sale.create_id("2045", "D1")


@pytest.fixture
def sold(cagette: World) -> Callable[[int, int], list[Message]]:
    """Makes the fact that some cents were sold, at a position; billing has heard of the sale."""
    cagette.told(market(), producer(), distribution())
    told, _ = cagette.home.gateway.told(0, 1_000)
    sale = next(fact for fact in told if fact.type.endswith("SalesValidated.v1"))

    def fact(cents: int, position: int) -> list[Message]:
        value = sale.value.replace(b'"sales_cents":10000', b'"sales_cents":%d' % cents)
        return [replace(sale, value=value, position=position)]

    return fact


def test_a_batch_of_facts_finds_what_the_one_before_left_as_if_it_were_loaded(
    cagette: World, sold: Callable[[int, int], list[Message]]
) -> None:
    billing = cagette.home.billing
    left = []
    for position, cents in enumerate((20_000, 30_000, 15_000), 20_000):
        billing.hear(sold(cents, position))
        assert billing._last_heard is not None
        left.append(billing._last_heard.find(Sale, SALE))
        assert vars(left[-1]) == vars(billing.log.begin().find(Sale, SALE))
    assert left[0] is left[1] is left[2]


def test_what_was_not_written_is_not_gone_on_from(
    cagette: World, sold: Callable[[int, int], list[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    billing = cagette.home.billing

    def refused(*_: object) -> list[int]:
        raise StreamConflict("somebody else was first")

    billing.hear(sold(20_000, 20_000))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(billing.log.recorder, "append", refused)
        with pytest.raises(StreamConflict):
            billing.hear(sold(30_000, 20_001))
    billing.hear(sold(20_000, 20_002))
    billing.hear(sold(40_000, 20_003))
    found = billing.log.begin().find(Sale, SALE)
    assert found is not None
    assert [sum(fees.values()) for fees in found.fees.values()] == [2_400, 1_200]
