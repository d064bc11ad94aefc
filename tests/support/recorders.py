"""The library's own recorder on PostgreSQL, ours, and what both are given to write."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg.conninfo import conninfo_to_dict

from services.gateway.domain.distribution import Distribution
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.sqlite import SQLiteLogRecorder

Database = psycopg.Connection[tuple[Any, ...]]


def events(number: int, size: int, topic: str = "test") -> list[StoredEvent]:
    """The first events of that many streams, each of `size` bytes that do not compress."""
    return [StoredEvent(uuid.uuid4(), 1, topic, os.urandom(size)) for _ in range(number)]


def connected(url: str) -> dict[str, str]:
    """The parts of a URL, under the library's names."""
    given = conninfo_to_dict(url)
    return {
        name: str(given.get(name) or "") for name in ("dbname", "host", "port", "user", "password")
    }


@contextmanager
def stock(url: str, **settings: Any) -> Iterator[PostgresProcessRecorder]:
    """The library's recorder of events and tracking, with its tables."""
    given: dict[str, Any] = {**connected(url), **settings}
    recorder = PostgresProcessRecorder(PostgresDatastore(**given))
    recorder.create_table()
    yield recorder
    recorder.datastore.close()


@contextmanager
def ours(url: str) -> Iterator[PostgresLogRecorder]:
    """Our recorder, with its tables."""
    recorder = PostgresLogRecorder(url, "house")
    recorder.create_table()
    yield recorder
    recorder.close()


def one(database: Database, query: LiteralString) -> Any:
    """The first value that a query finds, if any."""
    row = database.execute(query).fetchone()
    return row[0] if row else None


def by_hand(log: EventLog, *statements: LiteralString) -> None:
    """Change the tables as no code of ours does."""
    for statement in statements:
        if isinstance(log.recorder, SQLiteLogRecorder):
            with log.recorder.datastore.transaction(commit=True) as cursor:
                cursor.execute(statement)
        elif isinstance(log.recorder, PostgresLogRecorder):
            with log.recorder.connection() as connection:
                connection.execute("SET search_path TO house")
                connection.execute(statement)


def remember(log: EventLog, *distributions: str) -> None:
    """Write down that so many distributions were opened, in one transaction."""
    work = log.begin()
    work.keep([Distribution(each) for each in distributions], "test")
    work.commit()
