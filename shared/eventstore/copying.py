"""A house's log copied out of its database and into another: what a backup is made of.

A copy does not depend on the kind of database it came from. Links of the hash chain are checked
on the way out and recomputed on the way in: the last one proves the whole.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    cast,
    column,
    func,
    insert,
    select,
    table,
    update,
)

from shared.eventstore.chain import START, ChainedRow, link
from shared.eventstore.failures import StorageDamaged, without_end
from shared.eventstore.recorder import MAXIMUM, Row, only_end

PAGE = 1_000

NEVER_TOLD = 1_000_000
"""Positions that a log skips when it goes on from a copy.

Positions after the copy may have been published: no new event may be taken for one of those.
"""

LOG_END = table("log_end", column("position", BigInteger), column("link", LargeBinary))

T = TypeVar("T")


class EventRow(NamedTuple):
    """An event as copied: its state as text, without its link."""

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
    """The tables of events, tracked positions and tags, as a dialect's recorder has them."""
    metadata = MetaData()
    is_sqlite = dialect == "sqlite"
    events = Table(
        "stored_events",
        metadata,
        Column("position", BigInteger, primary_key=True, autoincrement=False),
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


def head_of(connection: Connection, until: int = MAXIMUM) -> Head:
    """The end of a house's log, or of its part up to a position."""
    events, _, _ = log_tables(connection.dialect.name)
    rows = select(events.c.position, events.c.chain).where(events.c.position <= until)
    row = connection.execute(rows.order_by(events.c.position.desc()).limit(1)).first()
    return Head(row.position, (row.chain or b"").hex()) if row else Head()


def count_of(connection: Connection, until: int = MAXIMUM) -> int:
    """How many events the log of a house has up to a position."""
    events, _, _ = log_tables(connection.dialect.name)
    counted = select(func.count()).select_from(events).where(events.c.position <= until)
    return connection.scalar(counted) or 0


def copied_rows(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """Every row of a table, in order of its primary key, streamed rather than held in memory."""
    as_they_are = [
        cast(each, LargeBinary) if isinstance(each.type, LargeBinary) else each
        for each in table.columns  # SQLite may have text there, written by hand
    ]
    query = select(*as_they_are).order_by(*table.primary_key).execution_options(yield_per=PAGE)
    for row in connection.execute(query):
        yield tuple(row)


def copied_events(connection: Connection) -> Iterator[EventRow]:
    """Every event in order; raises StorageDamaged at the first that is not as written."""
    events, _, _ = log_tables(connection.dialect.name)
    end = only_end([(row.position, row.link) for row in connection.execute(select(LOG_END))])
    before = START
    for position, stream, version, topic, state, chain in copied_rows(connection, events):
        row = ChainedRow(position, stream, version, topic, state, chain)
        if not row.follows(before) or position > end.position:
            raise StorageDamaged(
                f"The log was altered at {row}: a copy would be worthless. See `cagette verify`, "
                "and restore the last good backup."
            )
        before = chain
        yield EventRow(position, stream, version, topic, state.decode())
    if before != end.link:
        raise StorageDamaged(
            "The last rows of the log were deleted: a copy would be worthless. See `cagette "
            "verify`, and restore the last good backup."
        )


def write_copied(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write copied rows to an empty table; its counter goes on after them."""
    names = table.columns.keys()
    for page in _pages(rows):
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in page])
    counter = table.autoincrement_column
    if counter is not None and connection.dialect.name == "postgresql":
        last = connection.scalar(select(func.max(counter))) or 0
        sequence = func.pg_get_serial_sequence(table.name, counter.name)
        connection.execute(select(func.setval(sequence, max(last, 1), last > 0)))


def linked_anew(rows: Iterable[EventRow]) -> Iterator[ChainedRow]:
    """Copied events with their links computed anew."""
    before = START
    for position, stream, version, topic, state in rows:
        row = Row(stream, version, topic, state.encode())
        before = link(before, row)
        yield ChainedRow(position, *row, before)


def write_events(connection: Connection, rows: Iterable[EventRow]) -> Head:
    """Write copied events to an empty log, linked anew; return its end."""
    events, _, _ = log_tables(connection.dialect.name)
    write_copied(connection, events, linked_anew(rows))
    end = head_of(connection)
    link = bytes.fromhex(end.seal) or START
    moved = update(LOG_END).values(position=end.position + NEVER_TOLD, link=link)
    if connection.execute(moved).rowcount != 1:
        raise without_end()
    return end


def _pages(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while page := list(islice(remaining, PAGE)):
        yield page


def shape_of(table: Table) -> Any:
    """The type of a copied row: a tuple of the types of its columns."""
    kinds = []
    for each in table.columns:
        kind: Any = Any if isinstance(each.type, JSON) else each.type.python_type
        kinds.append(kind | None if each.nullable and kind is not Any else kind)
    return tuple[tuple(kinds)]  # type: ignore[misc]
