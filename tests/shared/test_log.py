"""The event log: what belongs together is written together, by one writer, in order.

The known traps of eventsourcing 9.5.6 (design.md §3) have a test each where SQLite has them.
"""

import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import MapperDeserialisationError, Tracking
from eventsourcing.sqlite import SQLiteDatastore, SQLiteProcessRecorder

from services.billing.domain.books import Books
from services.billing.domain.transfer import Transfer
from services.gateway.domain.distribution import Distribution
from shared.eventstore.engines import postgres_engine, sqlite_engine
from shared.eventstore.failures import NotMigrated, WrittenByNewer
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import (
    MAXIMUM,
    SCHEMA_VERSION,
    LogRecorder,
    PositionConflict,
    Step,
    StreamConflict,
)
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.streams import happened
from tests.support.recorders import by_hand


@pytest.fixture(params=["sqlite", "postgres"])
def recorder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogRecorder]:
    """Each database in turn, without tables."""
    if request.param == "sqlite":
        bare: LogRecorder = SQLiteLogRecorder(tmp_path / "log.sqlite")
    else:
        bare = PostgresLogRecorder(request.getfixturevalue("database_url"), "house")
    yield bare
    bare.close()


@pytest.fixture
def log(recorder: LogRecorder) -> EventLog:
    """A log with its tables."""
    fresh = EventLog(recorder)
    fresh.migrate()
    return fresh


def opened(log: EventLog, distribution_id: str, *steps: Step) -> None:
    work = log.begin()
    work.keep([Distribution(distribution_id)], "test")
    work.commit(steps)


def test_the_library_takes_a_late_position_that_ours_refuses(tmp_path: Path, log: EventLog) -> None:
    """Trap 3: tracking is "greater than" in the library, so a zombie's overlap is accepted."""
    stock = SQLiteProcessRecorder(SQLiteDatastore(str(tmp_path / "stock.sqlite")))
    stock.create_table()
    stock.insert_events([], tracking=Tracking("gateway/0", 5))
    stock.insert_events([], tracking=Tracking("gateway/0", 9))  # a listener at 3 goes on regardless
    assert stock.max_tracking_id("gateway/0") == 9
    stock.datastore.close()

    opened(log, "D1", Step("gateway/0", None, 5))
    with pytest.raises(PositionConflict):
        opened(log, "D2", Step("gateway/0", 3, 9))
    assert log.head() == 1
    assert log.recorder.positions() == {"gateway/0": 5}


def test_a_position_is_heard_of_for_the_first_time_only_once(log: EventLog) -> None:
    opened(log, "D1", Step("gateway/0", None, 5))
    with pytest.raises(PositionConflict):
        opened(log, "D2", Step("gateway/0", None, 5))


def test_many_positions_move_together_or_not_at_all(log: EventLog) -> None:
    opened(log, "D1", Step("gateway/0", None, 5), Step("training/0", None, 7))
    with pytest.raises(PositionConflict):
        opened(log, "D2", Step("gateway/0", 5, 6), Step("training/0", 1, 8))
    assert log.recorder.positions() == {"gateway/0": 5, "training/0": 7}


def test_who_comes_second_to_a_stream_is_refused_with_all_his_work(log: EventLog) -> None:
    opened(log, "D1")
    with pytest.raises(StreamConflict):
        opened(log, "D1", Step("gateway/0", None, 5))
    assert (log.head(), log.recorder.positions()) == (1, {})


def test_no_aggregate_is_cached(log: EventLog) -> None:
    """Trap 5: the library's aggregate cache is not thread-safe."""
    assert log.repository.cache is None


def test_a_reader_that_polls_by_position_misses_nothing(log: EventLog) -> None:
    """Trap 7: the library has no subscription on SQLite."""
    with pytest.raises(NotImplementedError):
        log.recorder.subscribe()
    seen: list[int] = []

    def tail() -> None:
        give_up = time.monotonic() + 20
        while len(seen) < 200 and time.monotonic() < give_up:
            seen.extend(position for position, _ in log.page(seen[-1] if seen else 0, 7).events)

    reader = threading.Thread(target=tail)
    reader.start()
    for number in range(200):
        opened(log, f"D{number}")
    reader.join()
    assert len(seen) == log.head() == 200
    assert seen == sorted(seen)


def test_a_rule_that_became_stricter_leaves_the_past_alone() -> None:
    """Trap 8: a guard inside an @event body would run again at replay and break the past."""
    transfer = Transfer("2045", date(2024, 10, 7))
    transfer.settle(withheld_cents=0, carried_cents=0)
    with pytest.raises(AssertionError, match="takes nothing more"):
        transfer.take("D1", 100)
    transfer._sales_taken("D1", 100)  # as laxer code of the past might have done
    replayed = None
    for event in transfer.collect_events():
        replayed = event.mutate(replayed)
    assert isinstance(replayed, Transfer)
    assert replayed.sales_cents == 100


def test_positions_are_never_used_again(log: EventLog) -> None:
    opened(log, "D1")
    opened(log, "D2")
    by_hand(log, "DELETE FROM stored_events WHERE position = 2")
    opened(log, "D3")
    assert log.head() == 3


def test_a_stream_is_found_by_its_tags_even_before_it_is_written(log: EventLog) -> None:
    work = log.begin()
    told = Distribution("D1")
    work.keep([told], "test")
    assert work.tagged("market/") == []
    assert log.recorder.tagged("market/", "market0") == []
    assert told.pending_events == []


def test_what_changed_and_was_not_kept_is_not_lost_in_silence(log: EventLog) -> None:
    work = log.begin()
    books = work.get(Books, Books.create_id(), Books)
    books.close("2024-05", books.created_on.date())
    with pytest.raises(AssertionError, match="was not kept"):
        work.commit()


def test_what_was_kept_is_found_in_the_same_transaction(log: EventLog) -> None:
    work = log.begin()
    begun = Distribution("D1")
    assert work.find(Distribution, begun.id) is None
    work.keep([begun], "test")
    assert work.find(Distribution, begun.id) is begun


def test_every_event_remembers_its_cause(log: EventLog) -> None:
    opened(log, "D1")
    assert [event.cause for event in log.history()] == ["test"]


def test_a_page_reads_only_what_is_wanted_of_it(log: EventLog) -> None:
    for number in range(3):
        opened(log, f"D{number}")
    assert log.page(0, 2, {Distribution.Opened}).events == log.page(0, 2).events
    assert log.page(0, 2, ()) == (2, 2, [])
    assert log.page(3, 2, {Distribution.Opened}) == (0, 3, [])
    by_hand(log, "UPDATE stored_events SET topic = 'of-other-code' WHERE position = 3")
    with pytest.raises(MapperDeserialisationError, match="of-other-code"):
        log.page(0, 9, {Distribution.Opened})


def test_tables_of_a_newer_version_are_refused(log: EventLog) -> None:
    if isinstance(log.recorder, SQLiteLogRecorder):
        by_hand(log, "PRAGMA user_version = 99")
    else:
        by_hand(log, "UPDATE schema_version SET version = 99")
    with pytest.raises(WrittenByNewer, match="newer version"):
        log.check()
    with pytest.raises(WrittenByNewer):
        log.migrate()


def test_a_log_without_tables_says_to_migrate(recorder: LogRecorder) -> None:
    with pytest.raises(NotMigrated, match="cagette migrate"):
        EventLog(recorder).check()


def test_migrating_twice_and_at_once_changes_nothing(log: EventLog) -> None:
    """Trap 6: the library creates its tables at every start, and two processes race."""
    opened(log, "D1")
    starters = [threading.Thread(target=log.migrate) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert (log.head(), log.recorder.schema_version()) == (1, SCHEMA_VERSION)


def test_a_transaction_of_any_size_is_written_whole(log: EventLog) -> None:
    """Trap 1: beyond some MB, the library's pipeline hangs for ever."""
    work = log.begin()
    for number in range(2_500):
        work.keep([Distribution(f"D{number}-" + "x" * 2_000)], "test")
    assert work.commit([Step("gateway/0", None, 1)]) == 2_500
    assert [position for position, _ in log.page(0, 3_000).events] == list(range(1, 2_501))


def test_a_tag_of_any_letters_is_found_by_how_it_begins(log: EventLog) -> None:
    keys = ["a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{OX}"]
    tags = [(f"parked/gateway/{key}", uuid4()) for key in keys]
    log.recorder.append([], tags=[*tags, ("parked/gatewaz", uuid4())])
    assert log.begin().tagged("parked/gateway/") == tags


def test_a_stream_that_grows_while_it_is_read_is_read_whole(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    transfer = Transfer("2045", date(2024, 2, 12))

    def take() -> None:
        transfer.take("48211", 100)
        work = log.begin()
        work.keep([transfer], "gateway/0:1")
        work.commit()

    def growing(*given: Any) -> Any:
        if given[1:] == (0, MAXIMUM):
            take()
        return read(*given)

    take()
    read = log.recorder.stream
    monkeypatch.setattr(log.recorder, "stream", growing)
    is_sqlite = isinstance(log.recorder, SQLiteLogRecorder)
    engine = (
        sqlite_engine(tmp_path / "log.sqlite")
        if is_sqlite
        else postgres_engine(request.getfixturevalue("database_url"), "house")
    )
    assert [each.version for each in happened(log, engine, transfer.id)] == [1, 2, 3]
    engine.dispose()
