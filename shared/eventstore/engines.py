"""How databases are reached: how long to wait for them, and engines for tables beside the log."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import set_json_loads
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from shared.eventstore.postgres_schema import TAKE_TURNS

CONNECT_SECONDS = 3
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
"""A machine that vanishes without a word is noticed after half a minute: by whoever waits for it
and, so that its leases end, by the server."""
CONNECTING: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 30_000,
    **KEEPALIVES,
}
OPTIONS = " ".join(
    [
        r"-c default_transaction_isolation=read\ committed",
        *(f"-c tcp_{name}={value}" for name, value in KEEPALIVES.items()),
    ]
)
"""Options set on every session. A writer that has waited for its turn sees what was written
meanwhile, whatever a role's default isolation is."""
VIEWS_LOCK_SECONDS = 10
"""How long a writer waits for locked view rows: a rebuilt view is switched in meanwhile."""
LOCK_SECONDS = 30
"""How long to wait for a SQLite file that is locked."""

BEGIN_IMMEDIATE = "BEGIN IMMEDIATE"
"""Begins a transaction that writes to a SQLite file: nobody else changes what it reads."""

json_bytes = msgspec.json.Encoder().encode
"""A value as a JSON column stores it, in UTF-8."""


def json_text(value: Any) -> str:
    """The same as text."""
    return json_bytes(value).decode()


ENGINE_OPTIONS: dict[str, Any] = {
    "json_serializer": json_text,
    "json_deserializer": msgspec.json.decode,
    "hide_parameters": True,
}
"""What is in the tables never appears in an error."""

POOL_OPTIONS: dict[str, Any] = {
    "pool_size": 6,
    "max_overflow": 0,
    "pool_timeout": 10,
    "pool_use_lifo": True,
}
"""The seventh caller waits a few ms for a connection: each more is one more server process."""


def sqlite_engine(file: Path) -> Engine:
    """An engine for tables in a file."""
    return create_engine(
        f"sqlite:///{file}",
        connect_args={"timeout": LOCK_SECONDS},
        **ENGINE_OPTIONS,
        **POOL_OPTIONS,
    )


def postgres_engine(url: str, schema: str) -> Engine:
    """An engine for tables in one schema; `url` as PostgreSQL's own clients take it."""

    def connect() -> Any:
        options = f"{OPTIONS} -c search_path={schema} -c lock_timeout={VIEWS_LOCK_SECONDS}s"
        connection = psycopg.connect(url, options=options, **CONNECTING)
        # SQLAlchemy tells psycopg how to read JSON only on connections that it makes itself
        set_json_loads(msgspec.json.decode, connection)
        return connection

    engine = create_engine(
        "postgresql+psycopg://", creator=connect, **ENGINE_OPTIONS, **POOL_OPTIONS
    )
    event.listen(engine, "checkout", _refuse_if_in_doubt)
    return engine


def reader(engine: Engine) -> Engine:
    """The same engine, for single queries without a transaction around them.

    On PostgreSQL a transaction adds two round trips, and after a ROLLBACK psycopg prepares every
    statement of the connection anew.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction in which tables are created; concurrent migrations wait for each other."""
    with engine.begin() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        connection.exec_driver_sql(TAKE_TURNS if is_postgres else BEGIN_IMMEDIATE)
        yield connection


def is_in_doubt(connection: psycopg.Connection[Any]) -> bool:
    """Whether anything has arrived on a connection while it was idle.

    A server that ended leaves the end of the stream; apart from notices, nothing else comes
    unasked. Asking the server each time would cost one round trip per transaction.
    """
    arrived = select.poll()
    arrived.register(connection.fileno(), select.POLLIN)
    return bool(arrived.poll(0))


def _refuse_if_in_doubt(connection: Any, *_: Any) -> None:
    """Let the pool start afresh: if one connection has ended, so have the others."""
    if is_in_doubt(connection):
        raise InvalidatePoolError
