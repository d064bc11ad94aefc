"""The end of a log is kept beside it: what is cut off, or put behind it by hand, is noticed."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from shared.eventstore.chain import START, linked
from shared.eventstore.failures import NotMigrated, StorageDamaged
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import LogRecorder, Row, StreamConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from tests.architecture.test_schema import golden_file
from tests.support.recorders import by_hand, remember

BURNT = 9
"""The last position that a log of schema 3 gave: to rows that were rolled back."""

OLDER: LiteralString = (
    "INSERT INTO stored_events (originator_id, originator_version, topic, state, chain) "
    "VALUES ('00000000000000000000000000000009', 1, 'it', '{}', NULL)"
)
"""How a process of an older version writes."""


@pytest.fixture(params=["sqlite", "postgres"])
def recorder(request: pytest.FixtureRequest, tmp_path: Path) -> LogRecorder:
    """On each database in turn, without tables."""
    if request.param == "sqlite":
        return SQLiteLogRecorder(tmp_path / "log.sqlite")
    return PostgresLogRecorder(request.getfixturevalue("database_url"), "house")


@pytest.fixture
def log(recorder: LogRecorder) -> Iterator[EventLog]:
    """Four events."""
    fresh = EventLog(recorder)
    fresh.migrate()
    remember(fresh, "D1", "D2", "D3", "D4")
    yield fresh
    fresh.close()


def test_it_is_where_the_last_row_stands(log: EventLog) -> None:
    ((position, *_, link),) = log.recorder.chained(4, 10)
    assert log.recorder.end() == (position, link)
    remember(log, "D5")
    assert log.recorder.end().position == log.head() == 5


def test_what_came_to_nothing_moves_no_end(log: EventLog) -> None:
    end = log.recorder.end()
    with pytest.raises(StreamConflict):
        remember(log, "D5", "D1")
    assert log.recorder.end() == end
    remember(log, "D5")
    assert log.head() == 5


def test_what_is_cut_off_is_noticed(log: EventLog) -> None:
    by_hand(log, "DELETE FROM stored_events WHERE position > 2")
    said = ["position 2 is the last one: rows followed it, or it was changed"]
    assert list(log.broken()) == said
    log.migrate()
    assert list(log.broken()) == said


def test_a_log_whose_every_row_is_gone_is_noticed(log: EventLog) -> None:
    by_hand(log, "DELETE FROM stored_events")
    assert list(log.broken()) == ["position 0 is the last one: rows followed it, or it was changed"]


def test_what_was_cut_off_is_missed_by_the_next_row(log: EventLog) -> None:
    by_hand(log, "DELETE FROM stored_events WHERE position = 4")
    remember(log, "D5")
    (said,) = log.broken()
    assert said.startswith("position 5 (")
    assert "does not follow position 3: what came between is missing" in said


PAST_THE_END: dict[str, tuple[LiteralString, LiteralString]] = {
    "a row that was put there": (
        """INSERT INTO stored_events
        SELECT 5, originator_id, 2, topic, state, chain FROM stored_events WHERE position = 4""",
        "DELETE FROM stored_events WHERE position = 5",
    ),
    "the last row, moved": (
        "UPDATE stored_events SET position = 44 WHERE position = 4",
        "UPDATE stored_events SET position = 4 WHERE position = 44",
    ),
    "an end that was moved back": (
        "UPDATE log_end SET position = position - 1",
        "UPDATE log_end SET position = position + 1",
    ),
}


@pytest.mark.parametrize("what", PAST_THE_END)
def test_nothing_is_appended_to_a_log_with_rows_past_its_end(log: EventLog, what: str) -> None:
    spoil, mend = PAST_THE_END[what]
    by_hand(log, spoil)
    with pytest.raises(StorageDamaged, match="rows past the end of the log"):
        remember(log, "D5")
    named = [said for said in log.broken() if " is past the end of the log, " in said]
    assert [said.split(" (")[0] for said in named] == [f"position {log.head()}"]
    by_hand(log, mend)
    remember(log, "D5")
    assert list(log.broken()) == []


READS = 5
"""The end, two pages of which the second is empty, the last row, the end again."""


@pytest.mark.parametrize("number", range(1, READS + 1))
def test_whoever_writes_while_a_log_is_audited_raises_no_alarm(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Somebody appends right after one of the reads."""
    reads = count(1)

    def then_append(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*given: Any) -> Any:
            found = read(*given)
            if next(reads) == number:
                remember(log, "D5")
            return found

        return reading

    for name in ("chained", "end", "max_notification_id"):
        monkeypatch.setattr(log.recorder, name, then_append(getattr(log.recorder, name)))
    assert list(log.broken()) == []
    assert next(reads) > READS
    assert log.head() == 5


@pytest.mark.parametrize(
    "how", ["DELETE FROM log_end", "INSERT INTO log_end SELECT * FROM log_end"]
)
def test_a_log_of_which_nothing_says_where_it_ends_is_damaged(
    log: EventLog, how: LiteralString
) -> None:
    by_hand(log, how)
    for use in (lambda: remember(log, "D5"), log.recorder.end, lambda: list(log.broken())):
        with pytest.raises(StorageDamaged, match="Nothing says where the log ends"):
            use()
    assert log.head() == 4


@pytest.mark.parametrize("events", [0, 2])
def test_a_log_of_schema_3_goes_on_after_the_last_position_that_it_gave(
    recorder: LogRecorder, request: pytest.FixtureRequest, events: int
) -> None:
    rows = [Row(UUID(int=n), 1, "it", b"{}") for n in range(events)]
    if isinstance(recorder, SQLiteLogRecorder):
        _as_of_schema_3(recorder, rows)
    else:
        _as_of_schema_3_on_postgres(request.getfixturevalue("database_url"), rows)
    log = EventLog(recorder)
    with pytest.raises(NotMigrated):
        log.check()
    log.migrate()
    log.check()
    with pytest.raises(Exception, match=r"full|null value"):
        by_hand(log, OLDER)
    remember(log, "D1")
    last = BURNT if rows or isinstance(recorder, PostgresLogRecorder) else 0
    assert [position for position, *_ in log.rows()] == [*range(1, events + 1), last + 1]
    assert list(log.broken()) == []
    log.close()


def _as_of_schema_3(recorder: SQLiteLogRecorder, rows: list[Row]) -> None:
    _, statements = golden_file(3).read_text().split("-- SQLite\n")
    with recorder.datastore.transaction(commit=True) as cursor:
        for statement in statements.split("\n\n"):
            cursor.execute(statement)
        for (stream, *row), link in zip(rows, linked(START, rows), strict=True):
            insert = "INSERT INTO stored_events VALUES (NULL,?,?,?,?,?)"
            cursor.execute(insert, (stream.hex, *row, link))
        cursor.execute("UPDATE sqlite_sequence SET seq = ?", (BURNT,))
        cursor.execute("PRAGMA user_version = 3")


def _as_of_schema_3_on_postgres(url: str, rows: list[Row]) -> None:
    script, _ = golden_file(3).read_text().split("-- SQLite\n")
    with psycopg.connect(url) as database:
        for house, burnt in (("house", BURNT), ("another", BURNT + 90)):
            names = {"s": sql.Identifier(house), "lock": sql.Literal(f"log {house}")}
            database.execute(sql.SQL(script).format(**names))
            counter = f"{house}.stored_events_position_seq"
            database.execute("SELECT setval(%s::regclass, %s)", (counter, burnt))
        for number, (row, link) in enumerate(zip(rows, linked(START, rows), strict=True), 1):
            insert = "INSERT INTO house.stored_events VALUES (%s,%s,%s,%s,%s,%s)"
            database.execute(insert, (number, *row, link))
        database.execute("INSERT INTO house.schema_version VALUES (3)")
