"""Transactions that go on from the one before: nothing is loaded twice, nothing stale is found."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from services.billing.domain.books import Books
from services.billing.domain.sale import Sale
from services.billing.domain.tariff import TariffBook
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import StreamConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.work import Work
from shared.facts.envelope import Message
from tests.support.notices import distribution, market, producer
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


def test_what_was_begun_and_not_kept_is_not_found(log: EventLog) -> None:
    first = log.begin()
    first.get(TariffBook, TariffBook.create_id(), TariffBook)
    settled(first, MONDAYS[0])
    assert begun(log, first).find(TariffBook, TariffBook.create_id()) is None


def test_what_was_not_written_is_not_gone_on_from(
    cagette: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cagette.told(market(), producer(), distribution())
    billing = cagette.home.billing
    told, _ = cagette.home.gateway.told(0, 1_000)
    sale = next(fact for fact in told if fact.type.endswith("SalesValidated.v1"))

    def sold(cents: int, position: int) -> list[Message]:
        value = sale.value.replace(b'"sales_cents":10000', b'"sales_cents":%d' % cents)
        return [replace(sale, value=value, position=position)]

    def refused(*_: object) -> list[int]:
        raise StreamConflict("somebody else was first")

    billing.hear(sold(20_000, 20_000))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(billing.log.recorder, "append", refused)
        with pytest.raises(StreamConflict):
            billing.hear(sold(30_000, 20_001))
    billing.hear(sold(20_000, 20_002))
    billing.hear(sold(40_000, 20_003))
    found = billing.log.begin().find(Sale, Sale.create_id("2045", "D1"))
    assert found is not None
    assert [sum(fees.values()) for fees in found.fees.values()] == [2_400, 1_200]
