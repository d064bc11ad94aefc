"""How databases are reached: how long one waits for them, and engines for tables beside the log."""

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
GONE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
"""A machine that vanishes without a word is missed after half a minute, by who waits for it and,
so that its leases end, by the server."""
CONNECTING: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 30_000,
    **GONE,
}
OPTIONS = " ".join(
    [
        r"-c default_transaction_isolation=read\ committed",
        *(f"-c tcp_{name}={value}" for name, value in GONE.items()),
    ]
)
"""Of every session. Who has waited for his turn sees what was written meanwhile, whatever a role's
default is."""
VIEWS_LOCK_SECONDS = 10
"""How long who finds rows of views locked waits: a rebuilt view is put in place meanwhile."""
LOCK_SECONDS = 30
"""How long who finds a SQLite file locked waits."""

ALONE = "BEGIN IMMEDIATE"
"""How a transaction begins that writes to a SQLite file: what it reads, nobody changes."""

json_bytes = msgspec.json.Encoder().encode
"""A value as it stands in a column of JSON, in UTF-8."""


def json_text(value: Any) -> str:
    """The same as text."""
    return json_bytes(value).decode()


HOW: dict[str, Any] = {
    "json_serializer": json_text,
    "json_deserializer": msgspec.json.decode,
    "hide_parameters": True,
}
"""What stands in the tables never stands in an error."""

POOL: dict[str, Any] = {
    "pool_size": 6,
    "max_overflow": 0,
    "pool_timeout": 10,
    "pool_use_lifo": True,
}
"""Who comes seventh waits some ms for one that rests: a connection more is a process more."""


def sqlite_engine(file: Path) -> Engine:
    """An engine for tables in a file."""
    return create_engine(f"sqlite:///{file}", connect_args={"timeout": LOCK_SECONDS}, **HOW, **POOL)


def postgres_engine(url: str, schema: str) -> Engine:
    """An engine for tables in one schema; `url` as PostgreSQL's own clients take it."""

    def connect() -> Any:
        options = f"{OPTIONS} -c search_path={schema} -c lock_timeout={VIEWS_LOCK_SECONDS}s"
        connection = psycopg.connect(url, options=options, **CONNECTING)
        # SQLAlchemy tells psycopg how JSON is read only where it makes the connection itself
        set_json_loads(msgspec.json.decode, connection)
        return connection

    engine = create_engine("postgresql+psycopg://", creator=connect, **HOW, **POOL)
    event.listen(engine, "checkout", _refuse_if_in_doubt)
    return engine


def reader(engine: Engine) -> Engine:
    """The same engine, for single queries: none has a transaction around it.

    On PostgreSQL that is two round trips, and after a ROLLBACK psycopg prepares every statement of
    the connection anew.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction in which tables are made; two that migrate at once wait for each other."""
    with engine.begin() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        connection.exec_driver_sql(TAKE_TURNS if is_postgres else ALONE)
        yield connection


def is_in_doubt(connection: psycopg.Connection[Any]) -> bool:
    """Whether anything has arrived at a connection while it rested.

    What a server that ended leaves is the end of the stream; nothing else comes unasked, but
    notices. To ask the server each time is a round trip a transaction.
    """
    arrived = select.poll()
    arrived.register(connection.fileno(), select.POLLIN)
    return bool(arrived.poll(0))


def _refuse_if_in_doubt(connection: Any, *_: Any) -> None:
    """Let the pool begin anew: where one connection has ended, so have those beside it."""
    if is_in_doubt(connection):
        raise InvalidatePoolError
