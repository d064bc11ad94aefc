"""The log on SQLite: one file a house, one transaction for all that belongs together.

Events, the tags of their streams and any number of tracked positions are written together or
not at all. A position is moved by compare-and-swap: who does not know where it stood is late.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.sqlite import SQLiteCursor, SQLiteProcessRecorder

SCHEMA_VERSION = 1
"""Stands in every house's file (`PRAGMA user_version`); a higher one was written by newer code."""

MAXIMUM = 2**63 - 1
"""The highest position that SQLite can count to."""


class Step(NamedTuple):
    """A tracked position moving on: from `previous` (None: never heard of) to `position`."""

    name: str
    previous: int | None
    position: int


class PositionConflict(IntegrityError):
    """A position no longer stands where this writer believed: somebody else moved it."""


class StreamConflict(IntegrityError):
    """Somebody else appended to the same stream first."""


class LogRecorder(SQLiteProcessRecorder):
    """The library's SQLite recorder with compare-and-swap positions and tags."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) "
            "VALUES (?,?,?,?)"
        )

    def construct_create_table_statements(self) -> list[str]:
        """The tables of a house's log. `chain` is the place of the hash chain."""
        return [
            """CREATE TABLE IF NOT EXISTS stored_events (
                position INTEGER PRIMARY KEY AUTOINCREMENT,
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
        ]

    def create_table(self) -> None:
        """Create what is missing and stamp the file with the version of its schema."""
        with self.datastore.transaction(commit=True) as cursor:
            for statement in self.create_table_statements:
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        for step in kwargs.pop("steps", ()):
            _move(c, step)
        try:
            positions = super()._insert_events(c, stored_events, **kwargs)
        except sqlite3.IntegrityError as conflict:
            raise StreamConflict(str(conflict)) from conflict
        tags = [(tag, stream.hex) for tag, stream in kwargs.get("tags", ())]
        c.executemany("INSERT OR IGNORE INTO tags VALUES (?,?)", tags)
        return positions

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Up to `limit` events from a position on, in order; `topics` is not offered."""
        if topics:
            raise NotImplementedError("the log is read whole: a reader lets pass what it ignores")
        first = (start or 0) + (0 if inclusive_of_start else 1)
        statement = (
            "SELECT position, originator_id, originator_version, topic, state "
            "FROM stored_events WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?"
        )
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, (first, MAXIMUM if stop is None else stop, limit))
            return [
                Notification(UUID(stream), version, topic, state, position)
                for position, stream, version, topic, state in cursor.fetchall()
            ]

    def schema_version(self) -> int:
        """The version of the schema in the file: 0 before the first migration."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA user_version")
            return int(cursor.fetchone()[0])

    def positions(self) -> dict[str, int]:
        """Every tracked position by name."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT * FROM tracking ORDER BY application_name")
            return dict(map(tuple, cursor.fetchall()))

    def tagged(self, low: str, below: str) -> list[tuple[str, UUID]]:
        """(tag, stream) for every tag with low ≤ tag < below, in order."""
        statement = "SELECT * FROM tags WHERE tag >= ? AND tag < ? ORDER BY tag, originator_id"
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, (low, below))
            return [(tag, UUID(stream)) for tag, stream in cursor.fetchall()]


def _move(cursor: SQLiteCursor, step: Step) -> None:
    if step.previous is None:
        cursor.execute(
            "INSERT INTO tracking VALUES (?,?) ON CONFLICT DO NOTHING RETURNING 1",
            (step.name, step.position),
        )
    else:
        cursor.execute(
            "UPDATE tracking SET notification_id = ? "
            "WHERE application_name = ? AND notification_id = ? RETURNING 1",
            (step.position, step.name, step.previous),
        )
    if cursor.fetchone() is None:
        raise PositionConflict(f"{step.name} does not stand at {step.previous}")
