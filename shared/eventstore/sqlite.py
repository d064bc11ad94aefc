"""The log on SQLite: one file a house."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteProcessRecorder

from shared.eventstore.recorder import (
    SCHEMA_VERSION,
    LogRecorder,
    PositionConflict,
    Step,
    StreamConflict,
    span,
)

LOCK_SECONDS = 30

TABLES = (
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
)
"""`chain` is the place of the hash chain. A position is never used again (AUTOINCREMENT)."""


class SQLiteLogRecorder(SQLiteProcessRecorder, LogRecorder):
    """The library's SQLite recorder with compare-and-swap positions and tags."""

    def __init__(self, file: Path | str) -> None:
        super().__init__(SQLiteDatastore(str(file), lock_timeout=LOCK_SECONDS))
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) "
            "VALUES (?,?,?,?)"
        )

    def create_table(self) -> None:
        """Create what is missing and stamp the file with the version of its schema."""
        with self.datastore.transaction(commit=True) as cursor:
            for statement in TABLES:
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
        first, last = span(start, stop, topics, inclusive_of_start=inclusive_of_start)
        statement = (
            "SELECT position, originator_id, originator_version, topic, state "
            "FROM stored_events WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?"
        )
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, (first, last, limit))
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

    def close(self) -> None:
        """Close every connection."""
        self.datastore.close()


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
