"""The hash chain of a log: what somebody changed, removed, added or swapped by hand is named."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import pytest

from shared.eventstore.chain import START, link
from shared.eventstore.failures import NotMigrated
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import LogRecorder, Row
from shared.eventstore.sqlite import SQLiteLogRecorder
from tests.support.recorders import by_hand, remember

TOPIC = "gateway.distribution.opened"


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    """Six events, on each database in turn; the last three in one transaction."""
    recorder: LogRecorder = (
        SQLiteLogRecorder(tmp_path / "log.sqlite")
        if request.param == "sqlite"
        else PostgresLogRecorder(request.getfixturevalue("database_url"), "house")
    )
    fresh = EventLog(recorder)
    fresh.migrate()
    remember(fresh, "D1")
    remember(fresh, "D2")
    remember(fresh, "Amap d'Été")
    remember(fresh, "D4", "D5", "D6")
    yield fresh
    fresh.close()


def found(log: EventLog) -> list[tuple[str, str]]:
    """(position and topic, what is said of it) of every break."""
    said = [sentence.partition(", stream ") for sentence in log.broken()]
    return [(where.replace(" (", " "), what.partition(") ")[2]) for where, _, what in said]


def at(position: int) -> str:
    return f"position {position} {TOPIC}"


def test_every_row_is_linked_to_the_one_before_it_alike_on_both_databases(log: EventLog) -> None:
    before = START
    for _, stream, version, topic, state, chain in log.recorder.chained(1, 10):
        before = link(before, Row(stream, version, topic, state))
        assert chain == before
    assert list(log.broken()) == []


def test_a_flipped_byte_is_named(log: EventLog) -> None:
    flip: LiteralString = (
        "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), 'D2', 'D3') AS BLOB) "
        "WHERE position = 2"
        if isinstance(log.recorder, SQLiteLogRecorder)
        else "UPDATE stored_events SET state = set_byte(state, 5, 0) WHERE position = 2"
    )
    by_hand(log, flip)
    assert found(log) == [(at(2), "was changed")]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE stored_events SET topic = 'gateway.distribution.opene' WHERE position = 6",
        "UPDATE stored_events SET originator_version = 2 WHERE position = 6",
        "UPDATE stored_events SET chain = NULL WHERE position = 6",
    ],
)
def test_a_change_of_the_last_row_is_named(log: EventLog, change: LiteralString) -> None:
    by_hand(log, change)
    ((where, what),) = found(log)
    assert where.startswith("position 6 ")
    assert what == "was changed"


def test_a_missing_row_is_noticed_where_the_next_one_stands(log: EventLog) -> None:
    by_hand(log, "DELETE FROM stored_events WHERE position = 3")
    ((where, what),) = found(log)
    assert where == at(4)
    assert what.startswith("does not follow position 2: what came between is missing")


def test_an_inserted_row_is_named(log: EventLog) -> None:
    by_hand(
        log,
        "UPDATE stored_events SET position = position + 10 WHERE position > 3",
        "UPDATE log_end SET position = position + 10",
        "INSERT INTO stored_events SELECT 5, originator_id, 2, topic, state, chain "
        "FROM stored_events WHERE position = 2",
    )
    ((where, what),) = found(log)
    assert where == at(5)
    assert what.startswith("was inserted")


def test_two_rows_that_changed_places_are_named(log: EventLog) -> None:
    by_hand(
        log,
        "UPDATE stored_events SET position = 99 WHERE position = 2",
        "UPDATE stored_events SET position = 2 WHERE position = 4",
        "UPDATE stored_events SET position = 4 WHERE position = 99",
    )
    positions = [where for where, _ in found(log)]
    assert positions[0] == at(2)
    assert at(4) in positions
    assert at(1) not in positions


def test_another_position_alone_breaks_nothing(log: EventLog) -> None:
    by_hand(log, "UPDATE stored_events SET position = position + 10")
    by_hand(log, "UPDATE log_end SET position = position + 10")
    assert list(log.broken()) == []


def be_of_schema_1(log: EventLog) -> None:
    is_sqlite = isinstance(log.recorder, SQLiteLogRecorder)
    by_hand(
        log, "PRAGMA user_version = 1" if is_sqlite else "UPDATE schema_version SET version = 1"
    )


def be_of_schema_2(log: EventLog) -> None:
    is_sqlite = isinstance(log.recorder, SQLiteLogRecorder)
    by_hand(
        log, "PRAGMA user_version = 2" if is_sqlite else "UPDATE schema_version SET version = 2"
    )


def be_as_it_is(_: EventLog) -> None:
    """Leave the log at today's schema."""


def test_a_log_of_the_first_schema_is_linked_by_its_migration(log: EventLog) -> None:
    linked = log.recorder.chained(1, 10)
    by_hand(log, "UPDATE stored_events SET chain = NULL")
    be_of_schema_1(log)
    with pytest.raises(NotMigrated):
        log.check()
    log.migrate()
    log.check()
    assert log.recorder.chained(1, 10) == linked
    remember(log, "D7")
    assert list(log.broken()) == []


@pytest.mark.parametrize("be", [be_of_schema_2, be_as_it_is])
def test_a_migration_mends_no_chain_of_a_later_schema(
    log: EventLog, be: Callable[[EventLog], None]
) -> None:
    by_hand(log, "UPDATE stored_events SET chain = NULL WHERE position = 2")
    be(log)
    log.migrate()
    log.check()
    assert found(log) == [(at(2), "does not have the link that it was written with")]
