"""The limit: raw SQL on a table like ours, one connection per writer; a bare loop over JSON."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from deploy.bench.usage import parent

RawRow = tuple[UUID, int, str, bytes]
"""Stream, version, topic, state."""


class Raw(ABC):
    """One connection, used by one thread."""

    @abstractmethod
    def append(self, rows: Sequence[RawRow]) -> None:
        """Commit rows durably, in the fastest way there is for that many."""

    @abstractmethod
    def stream(self, stream: UUID) -> list[bytes]:
        """The states of a stream, in order."""

    @abstractmethod
    def page(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, state) of the rows after a position."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class RawSQLite(Raw):
    """A file of its own, with the same journal and durability as ours."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(
            file, isolation_level=None, check_same_thread=False, timeout=30
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS stored_events (position INTEGER PRIMARY KEY AUTOINCREMENT,"
            "originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,"
            "UNIQUE (originator_id, originator_version))"
        )

    def append(self, rows: Sequence[RawRow]) -> None:
        """Run one prepared statement in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
            "VALUES (?,?,?,?)",
            [(stream.hex, version, topic, state) for stream, version, topic, state in rows],
        )
        self._connection.execute("COMMIT")

    def stream(self, stream: UUID) -> list[bytes]:
        """The states of a stream, in order."""
        query = (
            "SELECT state FROM stored_events WHERE originator_id = ? ORDER BY originator_version"
        )
        return [state for (state,) in self._connection.execute(query, (stream.hex,))]

    def page(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, state) of the rows after a position."""
        query = "SELECT position, state FROM stored_events WHERE position > ? LIMIT ?"
        return self._connection.execute(query, (after, limit)).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class RawPostgres(Raw):
    """A schema of its own: an autocommitted INSERT, or COPY for many rows."""

    def __init__(self, url: str, schema: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        place = sql.Identifier(schema)
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(hashtext('cagette bench'))")
            self._connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(place))
            self._connection.execute(sql.SQL("SET search_path TO {}").format(place))
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS stored_events (position bigserial PRIMARY KEY,"
                "originator_id uuid, originator_version bigint, topic text, state bytea,"
                "UNIQUE (originator_id, originator_version))"
            )

    def append(self, rows: Sequence[RawRow]) -> None:
        """Write without a lock, so positions may be committed out of order."""
        columns = "stored_events (originator_id, originator_version, topic, state)"
        if len(rows) == 1:
            values = "VALUES (%b, %b::bigint, %b, %b)"
            self._connection.execute(f"INSERT INTO {columns} {values}".encode(), rows[0])
            return
        copying = f"COPY {columns} FROM STDIN (FORMAT BINARY)".encode()
        with self._connection.cursor() as cursor, cursor.copy(copying) as copy:
            copy.set_types(["uuid", "int8", "text", "bytea"])
            for row in rows:
                copy.write_row(row)

    def stream(self, stream: UUID) -> list[bytes]:
        """The states of a stream, in order."""
        query = (
            "SELECT state FROM stored_events WHERE originator_id = %s ORDER BY originator_version"
        )
        return [state for (state,) in self._all(query, (stream,))]

    def page(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, state) of the rows after a position."""
        query = (
            "SELECT position, state FROM stored_events WHERE position > %s "
            "ORDER BY position LIMIT %s"
        )
        return self._all(query, (after, limit))

    def _all(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def dropped(url: str, schemas: Sequence[str]) -> None:
    """Drop the schemas of a bench."""
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in schemas:
            drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
            connection.execute(drop)


def projected(file: Path, events: Iterable[Any]) -> int:
    """The plainest possible view: each event's row and position committed; return how many."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE balances (id TEXT PRIMARY KEY, version INTEGER, said TEXT)")
    connection.execute("CREATE TABLE positions (view TEXT PRIMARY KEY, position INTEGER)")
    position = 0
    for position, event in enumerate(events, start=1):
        connection.execute("BEGIN IMMEDIATE")
        row = (str(event.originator_id), event.originator_version, repr(vars(event)))
        connection.execute("REPLACE INTO balances VALUES (?, ?, ?)", row)
        connection.execute("REPLACE INTO positions VALUES ('balances', ?)", (position,))
        connection.execute("COMMIT")
    connection.close()
    return position


@contextmanager
def fresh_database(url: str, name: str) -> Iterator[str]:
    """The URL of a new database, dropped at the end."""
    place = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(place))
        try:
            yield psycopg.conninfo.make_conninfo(url, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(place))


def server(url: str) -> int:
    """The process id of PostgreSQL's postmaster."""
    with psycopg.connect(url) as connection:
        return parent(connection.info.backend_pid)


def library_settings(url: str, schema: str) -> dict[str, str]:
    """Recreate a schema, and return the library's settings that lead to it."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    dropped(url, [schema])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    words = {name: str(given.get(name) or "") for name in ("dbname", "host", "port", "user")}
    settings = {f"POSTGRES_{name.upper()}": word for name, word in words.items()}
    password = str(given.get("password") or "-")
    return {**settings, "POSTGRES_PASSWORD": password, "POSTGRES_SCHEMA": schema}


def bare(states: Sequence[bytes]) -> int:
    """Decode states to plain dictionaries; return how many."""
    decode = msgspec.json.Decoder().decode
    return len([decode(state) for state in states])
