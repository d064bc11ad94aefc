"""The log of a house copied out of its database, and into another: what a backup is made of.

What is copied says nothing of the kind of database it came from. Links of the hash chain are
looked at on the way out and made again on the way in: the last one proves the whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    cast,
    func,
    insert,
    select,
    text,
)

from shared.eventstore.chain import START, ChainedRow, link
from shared.eventstore.engines import ALONE
from shared.eventstore.failures import StorageDamaged
from shared.eventstore.postgres_schema import log_lock
from shared.eventstore.recorder import MAXIMUM, Row
from shared.eventstore.views import ONE_MOMENT

PAGE = 1_000

NEVER_TOLD = 1_000_000
"""Positions that a log lets pass when it goes on from a copy.

What followed the copy was told under the first of them; nobody may take something else for that.
"""

TAKE_THE_LOG = text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))")
"""What who writes to a log on PostgreSQL has until his transaction ends."""

T = TypeVar("T")

At = Callable[[str], Connection]
"""The connection to the database of a house, by the house's name; good until the next call."""


class EventRow(NamedTuple):
    """An event as it is copied: its state as text, without its link."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: str


class Head(NamedTuple):
    """The end of a log: its last position and its last link, in hexadecimal."""

    position: int = 0
    seal: str = ""


def log_tables(dialect: str) -> tuple[Table, Table, Table]:
    """Events, tracked positions and tags, as the recorder of a kind of database keeps them."""
    metadata = MetaData()
    is_sqlite = dialect == "sqlite"
    events = Table(
        "stored_events",
        metadata,
        Column("position", BigInteger, primary_key=True),
        Column("originator_id", Uuid),
        Column("originator_version", BigInteger),
        Column("topic", String),
        Column("state", LargeBinary),
        Column("chain", LargeBinary),
    )
    name, position = ("application_name", "notification_id") if is_sqlite else ("name", "position")
    tracking = Table(
        "tracking",
        metadata,
        Column(name, String, key="name", primary_key=True),
        Column(position, BigInteger, key="position", nullable=False),
    )
    tags = Table(
        "tags",
        metadata,
        Column("tag", String, primary_key=True),
        Column("originator_id", Uuid, primary_key=True),
    )
    return events, tracking, tags


@contextmanager
def one_moment(
    engines: Mapping[str, Engine], still: Iterable[AbstractContextManager[None]]
) -> Iterator[At]:
    """Every house as it stands at one moment, read for as long as it takes while all go on.

    PostgreSQL has one snapshot for all schemas. Of files each has its own: so writers are held
    `still` while they are taken, some milliseconds.
    """
    with ExitStack() as stack:
        if _is_one_database(engines):
            connection = stack.enter_context(next(iter(engines.values())).connect())
            connection.exec_driver_sql(ONE_MOMENT["postgresql"])
            connection.exec_driver_sql("SELECT 1")  # it begins now
            yield _at(connection)
            return
        connections = _one_each(engines, stack)
        with ExitStack() as held:
            for lease in still:
                held.enter_context(lease)
            for connection in connections.values():
                connection.exec_driver_sql(ONE_MOMENT["sqlite"])
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")  # it begins now
        yield connections.__getitem__


@contextmanager
def all_or_nothing(engines: Mapping[str, Engine]) -> Iterator[At]:
    """One transaction to write to every house. Files are committed one behind the other."""
    with ExitStack() as stack:
        if _is_one_database(engines):
            connection = stack.enter_context(next(iter(engines.values())).connect())
            for house in engines:  # or who appends meanwhile links behind an empty log
                connection.execute(TAKE_THE_LOG, {"lock": log_lock(house)})
            yield _at(connection)
            connection.commit()
            return
        connections = _one_each(engines, stack)
        for connection in connections.values():
            connection.exec_driver_sql(ALONE)
        yield connections.__getitem__
        for connection in connections.values():
            connection.commit()


def _is_one_database(engines: Mapping[str, Engine]) -> bool:
    return all(engine.dialect.name == "postgresql" for engine in engines.values())


def _one_each(engines: Mapping[str, Engine], stack: ExitStack) -> dict[str, Connection]:
    return {name: stack.enter_context(engine.connect()) for name, engine in engines.items()}


def _at(connection: Connection) -> At:
    """Every house on one connection."""

    def at(schema: str) -> Connection:
        connection.exec_driver_sql(f'SET LOCAL search_path TO "{schema}"')
        return connection

    return at


def head_of(connection: Connection, until: int = MAXIMUM) -> Head:
    """The end of the log of a house, or where it ended at a position."""
    events, _, _ = log_tables(connection.dialect.name)
    rows = select(events.c.position, events.c.chain).where(events.c.position <= until)
    row = connection.execute(rows.order_by(events.c.position.desc()).limit(1)).first()
    return Head(row.position, (row.chain or b"").hex()) if row else Head()


def copied_rows(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """Every row of a table, by its primary key; none is held longer than its reader holds it."""
    as_they_are = [
        cast(column, LargeBinary) if isinstance(column.type, LargeBinary) else column
        for column in table.columns  # of SQLite, where a hand may have written text instead
    ]
    query = select(*as_they_are).order_by(*table.primary_key).execution_options(yield_per=PAGE)
    for row in connection.execute(query):
        yield tuple(row)


def copied_events(connection: Connection) -> Iterator[EventRow]:
    """Every event in order; raises StorageDamaged at the first that is not as it was written."""
    events, _, _ = log_tables(connection.dialect.name)
    before = START
    for position, stream, version, topic, state, chain in copied_rows(connection, events):
        row = ChainedRow(position, stream, version, topic, state, chain)
        if not row.follows(before):
            raise StorageDamaged(
                f"The log is not what was written, at {row}: a copy would be worth nothing. "
                "See `cagette verify`, and restore the last good backup."
            )
        before = chain
        yield EventRow(position, stream, version, topic, state.decode())


def write_copied(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write copied rows to an empty table; what it counts goes on behind them."""
    names = table.columns.keys()
    for page in _pages(rows):
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in page])
    counter = table.autoincrement_column
    if counter is not None and connection.dialect.name == "postgresql":
        _count_on(connection, table, connection.scalar(select(func.max(counter))) or 0)


def linked_anew(rows: Iterable[EventRow]) -> Iterator[ChainedRow]:
    """Copied events with their links."""
    before = START
    for position, stream, version, topic, state in rows:
        row = Row(stream, version, topic, state.encode())
        before = link(before, row)
        yield ChainedRow(position, *row, before)


def write_events(connection: Connection, rows: Iterable[EventRow]) -> Head:
    """Write copied events to an empty log and link them anew; its end."""
    events, _, _ = log_tables(connection.dialect.name)
    write_copied(connection, events, linked_anew(rows))
    end = head_of(connection)
    _count_on(connection, events, end.position + NEVER_TOLD)
    return end


def _count_on(connection: Connection, table: Table, last: int) -> None:
    """What the database gives a number from now on comes behind `last`."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        counted = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"
        connection.exec_driver_sql(counted, (table.name, last))
    else:
        counter = func.pg_get_serial_sequence(table.name, next(iter(table.primary_key)).name)
        connection.execute(select(func.setval(counter, max(last, 1), last > 0)))


def _pages(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while page := list(islice(remaining, PAGE)):
        yield page


def shape_of(table: Table) -> Any:
    """The shape of a copied row: a tuple of what its columns hold."""
    kinds = []
    for column in table.columns:
        kind: Any = Any if isinstance(column.type, JSON) else column.type.python_type
        kinds.append(kind | None if column.nullable and kind is not Any else kind)
    return tuple[tuple(kinds)]  # type: ignore[misc]
