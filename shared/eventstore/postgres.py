"""The log on PostgreSQL: one schema a house, one round trip a transaction.

The stock recorder of eventsourcing 9.5.6 locks the table, notifies and writes in a pipeline: a
batch of some MB hangs for ever with the lock held, and its database functions drop tracking and
lose events for tailing readers (design.md §3, traps 1 and 2). Here a plpgsql function does it all.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    IntegrityError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.eventstore.postgres_schema import POSITION_CONFLICT, SCHEMA, TAKE_TURNS
from shared.eventstore.recorder import (
    SCHEMA_VERSION,
    LogRecorder,
    PositionConflict,
    StreamConflict,
    span,
)

Connection = psycopg.Connection[tuple[Any, ...]]

POOL_SIZE = 6
CONNECT_SECONDS = 3
LOCK_TIMEOUT = "2s"
MAXIMUM_EVENTS = 1_000
MAXIMUM_BYTES = 4 * 1024 * 1024
"""Caps of one call; a larger transaction makes several calls."""


class PostgresLogRecorder(LogRecorder):
    """A house's log in a schema of its own. Who holds a connection does all his work on it."""

    def __init__(self, url: str, schema: str) -> None:
        self.schema = schema
        self._local = threading.local()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            reconnect_timeout=CONNECT_SECONDS,  # else its pauses double, up to minutes
            open=False,
            check=ConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_SECONDS,
                "row_factory": tuple_row,
                "options": f"-c lock_timeout={LOCK_TIMEOUT}",
            },
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The connection that this thread holds, or one of the pool; errors as the library's."""
        try:
            held = getattr(self._local, "connection", None)
            if held is not None:
                yield held
                return
            self._pool.open(wait=False)
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as reason:
            raise OperationalError(str(reason)) from reason
        except psycopg.errors.UniqueViolation as reason:
            raise StreamConflict(str(reason)) from reason
        except psycopg.IntegrityError as reason:
            raise IntegrityError(str(reason)) from reason
        except psycopg.DatabaseError as reason:
            if reason.sqlstate == POSITION_CONFLICT:
                raise PositionConflict(str(reason)) from reason
            raise ProgrammingError(str(reason)) from reason

    @contextmanager
    def held(self) -> Iterator[Connection]:
        """One connection for all that this thread does meanwhile."""
        with self.connection() as connection:
            before = getattr(self._local, "connection", None)
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = before

    def create_table(self) -> None:
        """Create what is missing; two that migrate at once wait for each other."""
        with self.connection() as connection, connection.transaction():
            connection.execute(TAKE_TURNS)
            connection.execute(self._sql(SCHEMA, key=sql.Literal(self._key)))
            connection.execute(self._sql("DELETE FROM {s}.schema_version"))
            insert = self._sql("INSERT INTO {s}.schema_version VALUES (%s)")
            connection.execute(insert, (SCHEMA_VERSION,))

    @property
    def _key(self) -> int:
        """The advisory lock of the log: all who write to it take it."""
        return int.from_bytes(f"log:{self.schema}".encode()[:7], "big")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int]:
        """Write events, tags and positions in one transaction; the positions of the events.

        Raises PositionConflict or StreamConflict when somebody else was first.
        """
        steps, tags = kwargs.get("steps", ()), kwargs.get("tags", ())
        chunks = list(_chunks(stored_events)) or [[]]
        with self.connection() as connection:
            if len(chunks) == 1:
                return self._append(connection, chunks[0], steps, tags)
            with connection.transaction():
                positions = self._append(connection, chunks[0], steps, tags)
                for chunk in chunks[1:]:
                    positions += self._append(connection, chunk, (), ())
            return positions

    def _append(
        self, connection: Connection, events: Sequence[StoredEvent], steps: Any, tags: Any
    ) -> list[int]:
        call = self._sql(
            "SELECT * FROM {s}.append(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], "
            "%b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::uuid[])"
        )
        arguments = (
            [event.originator_id for event in events],
            [event.originator_version for event in events],
            [event.topic for event in events],
            [event.state for event in events],
            [step.name for step in steps],
            [step.previous for step in steps],
            [step.position for step in steps],
            [tag for tag, _ in tags],
            [stream for _, stream in tags],
        )
        return [row[0] for row in connection.execute(call, arguments).fetchall()]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events of a stream with gt < version ≤ lte."""
        order = sql.SQL("DESC" if desc else "ASC")
        select = self._sql(
            "SELECT originator_id, originator_version, topic, state FROM {s}.stored_events "
            "WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s "
            "ORDER BY originator_version {order} LIMIT %s",
            order=order,
        )
        first, last = gt or 0, 2**62 if lte is None else lte
        with self.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(select, (originator_id, first, last, limit))
            return [StoredEvent(*row) for row in cursor.fetchall()]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """Up to `limit` events from a position on, in order; `topics` is not offered."""
        select = self._sql(
            "SELECT originator_id, originator_version, topic, state, position "
            "FROM {s}.stored_events WHERE position BETWEEN %s AND %s ORDER BY position LIMIT %s"
        )
        first, last = span(start, stop, topics, inclusive_of_start=inclusive_of_start)
        with self.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(select, (first, last, limit))
            return [Notification(*row) for row in cursor.fetchall()]

    def max_notification_id(self) -> int | None:
        """The position of the last event."""
        return cast("int | None", self._one("SELECT max(position) FROM {s}.stored_events"))

    def schema_version(self) -> int:
        """The version of the schema in the database: 0 before the first migration."""
        if self._one("SELECT to_regclass({name})", name=f"{self.schema}.schema_version") is None:
            return 0
        return int(self._one("SELECT coalesce(max(version), 0) FROM {s}.schema_version"))

    def positions(self) -> dict[str, int]:
        """Every tracked position by name."""
        select = self._sql('SELECT name, position FROM {s}.tracking ORDER BY name COLLATE "C"')
        with self.connection() as connection:
            return dict(connection.execute(select).fetchall())

    def tagged(self, low: str, below: str) -> list[tuple[str, UUID]]:
        """(tag, stream) for every tag with low ≤ tag < below, in order."""
        select = self._sql(
            "SELECT tag, originator_id FROM {s}.tags WHERE tag >= %s AND tag < %s "
            "ORDER BY tag, originator_id"
        )
        with self.connection() as connection:
            return cast(
                "list[tuple[str, UUID]]", connection.execute(select, (low, below)).fetchall()
            )

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """Not offered: a reader polls by position."""
        raise NotImplementedError("a reader of the log polls by position")

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _one(self, statement: LiteralString, **literals: str) -> Any:
        values = {name: sql.Literal(value) for name, value in literals.items()}
        with self.connection() as connection:
            row = connection.execute(self._sql(statement, **values)).fetchone()
        return row[0] if row else None

    def _sql(self, statement: LiteralString, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(statement).format(s=sql.Identifier(self.schema), **parts)


def _chunks(events: Sequence[StoredEvent]) -> Iterator[list[StoredEvent]]:
    """Events in portions within the caps of one call."""
    remaining = iter(events)
    while portion := list(islice(remaining, MAXIMUM_EVENTS)):
        chunk: list[StoredEvent] = []
        size = 0
        for event in portion:
            if chunk and size + len(event.state) > MAXIMUM_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append(event)
            size += len(event.state)
        yield chunk
