"""The log on PostgreSQL: one schema per house, one round trip per transaction unless it is large.

The stock recorder of eventsourcing 9.5.6 locks the table, notifies and writes in a pipeline: a
batch of a few MB hangs for ever with the lock held, and its database functions drop tracking and
lose events for tailing readers (shown by `tests/shared/test_stock_recorder.py`). Here one plpgsql
function does it all.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from shared.eventstore.chain import CHAINED_SINCE, END_STORED_SINCE, PAGE, unlinked
from shared.eventstore.engines import CONNECT_SECONDS, CONNECTING, OPTIONS, is_in_doubt
from shared.eventstore.postgres_arrays import uuids
from shared.eventstore.postgres_calls import APPEND, STREAMS, append_parameters, portions
from shared.eventstore.postgres_errors import translated
from shared.eventstore.postgres_schema import SCHEMA, STORE_END, TAKE_TURNS, log_lock
from shared.eventstore.recorder import (
    MAXIMUM,
    SCHEMA_VERSION,
    End,
    LogRecorder,
    LogRow,
    Row,
    Step,
    StreamRow,
    only_end,
)

Connection = psycopg.Connection[tuple[Any, ...]]

POOL_SIZE = 6
LOCK_TIMEOUT = "2s"


class PostgresLogRecorder(LogRecorder):
    """A house's log in its own schema. A thread that holds a connection does all its work on it."""

    def __init__(self, url: str, schema: str) -> None:
        self.schema = schema
        self._local = threading.local()
        self._statements: dict[str, bytes] = {}
        self._appending = threading.Lock()
        """Held by a thread that appends while no other does in this process."""
        self._last_link: bytes | None = None
        """The log's last link, if known here; only a thread appending alone uses or leaves one."""
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            reconnect_timeout=CONNECT_SECONDS,  # otherwise pauses double, up to minutes
            open=False,
            check=_asked_if_in_doubt,
            kwargs={
                "autocommit": True,
                "row_factory": tuple_row,
                "options": f"{OPTIONS} -c lock_timeout={LOCK_TIMEOUT}",
                **CONNECTING,
            },
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The connection this thread holds, or one from the pool; errors become the library's."""
        try:
            held = getattr(self._local, "connection", None)
            if held is not None:
                yield held
                return
            self._pool.open(wait=False)
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.DatabaseError, psycopg.InterfaceError) as reason:
            raise translated(reason) from reason

    @contextmanager
    def held(self) -> Iterator[Connection]:
        """Hold one connection for all that this thread does meanwhile."""
        with self.connection() as connection:
            before = getattr(self._local, "connection", None)
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = before

    def create_table(self) -> None:
        """Create what is missing; concurrent migrations wait for each other."""
        with self.held() as connection, connection.transaction():
            connection.execute(TAKE_TURNS)
            connection.execute(self._sql(SCHEMA, lock=sql.Literal(log_lock(self.schema))))
            version = self.schema_version()
            if version < CHAINED_SINCE:
                self._link(connection)
            if version < END_STORED_SINCE:
                connection.execute(self._sql(STORE_END, name=sql.Literal(self.schema)))
            connection.execute(self._sql("DELETE FROM {s}.schema_version"))
            insert = self._sql("INSERT INTO {s}.schema_version VALUES (%s)")
            connection.execute(insert, (SCHEMA_VERSION,))

    def _link(self, connection: Connection) -> None:
        """Link the rows of a log that was written under schema 1."""
        update = self._sql("UPDATE {s}.stored_events SET chain = %s WHERE position = %s")
        with connection.cursor() as cursor:
            for page in unlinked(lambda after: self.chained(after + 1, PAGE)):
                cursor.executemany(update, page)

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Write events, positions and tags in one transaction; return the events' positions."""
        chunks = list(portions(rows)) or [[]]
        with self.connection() as connection:
            if len(chunks) == 1:
                return self._append(connection, chunks[0], steps, tags)
            with connection.transaction():
                positions = self._append(connection, chunks[0], steps, tags)
                for chunk in chunks[1:]:
                    positions += self._append(connection, chunk, (), ())
            return positions

    def _append(
        self,
        connection: Connection,
        rows: Sequence[Row],
        steps: Sequence[Step],
        tags: Sequence[tuple[str, UUID]],
    ) -> list[int]:
        is_alone = self._appending.acquire(blocking=False)
        before, self._last_link = self._last_link if is_alone else None, None
        try:
            words = append_parameters(rows, steps, tags, before)
            found = connection.execute(self._sql(APPEND), words, binary=True)
            ((first, link),) = found.fetchall()
            self._last_link = link if is_alone else None
        finally:
            if is_alone:
                self._appending.release()
        return list(range(first, first + len(rows))) if rows else []

    def stream(self, stream: UUID, after: int, last: int) -> Sequence[StreamRow]:
        """The rows of a stream with after < version ≤ last, in order."""
        return self._rows(
            "SELECT originator_version, topic, state FROM {s}.stored_events "
            "WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s "
            "ORDER BY originator_version",
            (stream, after, last),
        )

    def streams(
        self, streams: Sequence[UUID], last: int = MAXIMUM
    ) -> Sequence[Sequence[StreamRow]]:
        """For each of many streams, its rows with version ≤ last, in order: with one query.

        Each is looked up separately: free to join, PostgreSQL reads the whole log for ten streams.
        """
        found: list[list[StreamRow]] = [[] for _ in streams]
        rows = self._rows(STREAMS, (uuids(streams), last))
        for number, version, topic, state in rows:
            found[number - 1].append((version, topic, state))
        return found

    def page(self, first: int, last: int, limit: int) -> Sequence[LogRow]:
        """Up to `limit` rows with first ≤ position ≤ last, in order."""
        return self._rows(
            "SELECT position, originator_id, originator_version, topic, state "
            "FROM {s}.stored_events WHERE position BETWEEN %s AND %s ORDER BY position LIMIT %s",
            (first, last, limit),
        )

    def chained(self, first: int, limit: int) -> Sequence[tuple[*LogRow, bytes | None]]:
        """Up to `limit` rows from a position on, each with its link of the hash chain."""
        return self._rows(
            "SELECT position, originator_id, originator_version, topic, state, chain "
            "FROM {s}.stored_events WHERE position >= %s ORDER BY position LIMIT %s",
            (first, limit),
        )

    def _rows(self, statement: LiteralString, parameters: Sequence[Any]) -> list[Any]:
        """What a query finds, fetched in PostgreSQL's binary format."""
        with self.connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(self._sql(statement), parameters).fetchall()

    def end(self) -> End:
        """How far the log was ever written, whatever rows it has now."""
        return only_end(self._rows("SELECT position, link FROM {s}.log_end", ()))

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

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _one(self, statement: LiteralString, **literals: str) -> Any:
        values = {name: sql.Literal(value) for name, value in literals.items()}
        with self.connection() as connection:
            row = connection.execute(self._sql(statement, **values)).fetchone()
        return row[0] if row else None

    def _sql(self, statement: LiteralString, **parts: sql.Composable) -> bytes:
        """A statement for this schema, composed once."""
        known = self._statements.get(statement)
        if known is None:
            composed = sql.SQL(statement).format(s=sql.Identifier(self.schema), **parts)
            known = self._statements[statement] = composed.as_bytes(None)
        return known


def _asked_if_in_doubt(connection: Connection) -> None:
    """Check that a pooled connection is alive, if that is in doubt."""
    if is_in_doubt(connection):
        ConnectionPool.check_connection(connection)
