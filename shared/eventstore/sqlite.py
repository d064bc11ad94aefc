"""The log on SQLite: one file per house."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteTransaction

from shared.eventstore.chain import CHAINED_SINCE, END_STORED_SINCE, unlinked
from shared.eventstore.engines import LOCK_SECONDS
from shared.eventstore.recorder import (
    MAXIMUM,
    SCHEMA_VERSION,
    BareRow,
    End,
    LogRecorder,
    LogRow,
    Row,
    Step,
    StreamRow,
)
from shared.eventstore.sqlite_calls import chained_rows, end_of, insert_rows, move, store_end
from shared.eventstore.sqlite_ids import uuid_in

TABLES = (
    """CREATE TABLE IF NOT EXISTS stored_events (
        position INTEGER PRIMARY KEY,
        originator_id TEXT NOT NULL,
        originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        state BLOB NOT NULL,
        chain BLOB,
        UNIQUE (originator_id, originator_version))""",
    """CREATE TABLE IF NOT EXISTS tracking (
        application_name TEXT PRIMARY KEY,
        notification_id INTEGER) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS tags (
        tag TEXT NOT NULL,
        originator_id TEXT NOT NULL,
        PRIMARY KEY (tag, originator_id)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS log_end (position INTEGER NOT NULL, link BLOB NOT NULL)",
)
"""Files made before `END_STORED_SINCE` keep AUTOINCREMENT, whose counter is no longer used."""

STREAM = (
    "SELECT originator_version, topic, state FROM stored_events "
    "WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? "
    "ORDER BY originator_version"
)


class SQLiteLogRecorder(LogRecorder):
    """A house's log in its own file, over the library's connections."""

    def __init__(self, file: Path | str) -> None:
        self.datastore = SQLiteDatastore(str(file), lock_timeout=LOCK_SECONDS)

    def create_table(self) -> None:
        """Create what is missing, link rows that have no link yet, and stamp the schema version."""
        with self._writing() as cursor:
            for statement in TABLES:
                cursor.execute(statement)
            cursor.execute("PRAGMA user_version")
            version = cursor.fetchone()[0]
            if version < CHAINED_SINCE:
                for page in unlinked(lambda after: chained_rows(cursor, after)):
                    update = "UPDATE stored_events SET chain = ? WHERE position = ?"
                    cursor.executemany(update, page)
            if version < END_STORED_SINCE:
                store_end(cursor)
            cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Write events, positions and tags in one transaction; return the events' positions."""
        with self._writing() as cursor:
            for step in steps:
                move(cursor, step)
            named = [(tag, stream.hex) for tag, stream in tags]
            cursor.executemany("INSERT OR IGNORE INTO tags VALUES (?,?)", named)
            return insert_rows(cursor, rows) if rows else []

    @contextmanager
    def _writing(self) -> Iterator[SQLiteCursor]:
        """A transaction that holds the write lock from its start: nobody changes what it reads."""
        with (
            self.datastore.get_connection(commit=True) as connection,
            _Alone(connection, commit=True) as cursor,
            cursor,
        ):
            yield cursor

    def stream(self, stream: UUID, after: int, last: int) -> Sequence[StreamRow]:
        """The rows of a stream with after < version ≤ last, in order."""
        return self._rows(STREAM, (stream.hex, after, last))

    def streams(
        self, streams: Sequence[UUID], last: int = MAXIMUM
    ) -> Sequence[Sequence[StreamRow]]:
        """For each of many streams, its rows with version ≤ last, in order, as of one moment."""
        with self._reading() as cursor:
            return [cursor.execute(STREAM, (s.hex, 0, last)).fetchall() for s in streams]

    def page(self, first: int, last: int, limit: int) -> Sequence[LogRow]:
        """Up to `limit` rows with first ≤ position ≤ last, in order."""
        found = self.bare_page(first, last, limit)
        return [(p, uuid_in(s), version, topic, state) for p, s, version, topic, state in found]

    def bare_page(self, first: int, last: int, limit: int) -> Sequence[BareRow]:
        """`page`, without making an id from the text of each stream: a third of its cost."""
        return self._rows(
            "SELECT position, originator_id, originator_version, topic, state "
            "FROM stored_events WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?",
            (first, last, limit),
        )

    def stream_id(self, bare: Any) -> UUID:
        """The id of the stream in a bare row."""
        return uuid_in(bare)

    def chained(self, first: int, limit: int) -> Sequence[tuple[*LogRow, bytes | None]]:
        """Up to `limit` rows from a position on, each with its link of the hash chain."""
        with self.datastore.transaction(commit=False) as cursor:
            return chained_rows(cursor, first - 1, limit)

    def end(self) -> End:
        """How far the log was ever written, whatever rows it has now."""
        with self.datastore.transaction(commit=False) as cursor:
            return end_of(cursor)

    def max_notification_id(self) -> int | None:
        """The position of the last event."""
        found: int | None = self._rows("SELECT max(position) FROM stored_events")[0][0]
        return found

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """What a query finds."""
        with self._reading() as cursor:
            return cursor.execute(statement, parameters).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that returns plain tuples: the library's rows look up column names."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.sqlite_cursor.row_factory = None
            yield cursor.sqlite_cursor

    def schema_version(self) -> int:
        """The version of the schema in the file: 0 before the first migration."""
        return int(self._rows("PRAGMA user_version")[0][0])

    def positions(self) -> dict[str, int]:
        """Every tracked position by name."""
        return dict(self._rows("SELECT * FROM tracking ORDER BY application_name"))

    def tagged(self, low: str, below: str) -> list[tuple[str, UUID]]:
        """(tag, stream) for every tag with low ≤ tag < below, in order."""
        statement = "SELECT * FROM tags WHERE tag >= ? AND tag < ? ORDER BY tag, originator_id"
        return [(tag, uuid_in(stream)) for tag, stream in self._rows(statement, (low, below))]

    def close(self) -> None:
        """Close every connection."""
        self.datastore.close()


class _Alone(SQLiteTransaction):
    """The library's transaction, begun with the write lock, so nobody can write before it does."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        return cursor
