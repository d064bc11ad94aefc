"""Rows upserted by their primary keys, many per statement.

Written by the driver: SQLAlchemy's own way takes 1.3 to 1.9 times as long for a few rows. SQLite
is given one row at a time, PostgreSQL one array per column.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Dialect,
    Integer,
    String,
    Table,
    Uuid,
)

from shared.eventstore import postgres_arrays as arrays
from shared.eventstore.engines import json_text
from shared.eventstore.folding import Row

AT_ONCE = 200
"""Rows per statement: some contain a document."""

Values = Mapping[str, Any]
Columns = Iterable[Sequence[Any]]


class _Upsert(NamedTuple):
    """A statement in a database's dialect, and how to take a row's key and values for it."""

    statement: str
    key: Callable[[Values], Any]
    values: Callable[[Values], tuple[Any, ...]]
    given: Callable[[Columns], Any]
    """Turns columns of values into what the driver takes."""


def write_rows(connection: Connection, rows: Iterable[Row]) -> None:
    """Upsert rows by primary key; of several with the same key, the last wins."""
    by_table: dict[Table, list[Values]] = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
    for table, written in by_table.items():
        how = _upsert(table, connection.dialect)
        latest = list({how.key(row): row for row in written}.values())
        for first in range(0, len(latest), AT_ONCE):
            columns = zip(*map(how.values, latest[first : first + AT_ONCE]), strict=True)
            connection.exec_driver_sql(how.statement, how.given(columns))


@lru_cache(maxsize=256)
def _upsert(table: Table, dialect: Dialect) -> _Upsert:
    words, columns = dialect.identifier_preparer, tuple(table.columns)
    names = [words.quote(column.name) for column in columns]
    keys = ", ".join(words.quote(column.name) for column in table.primary_key)
    is_postgres = dialect.name == "postgresql"
    rows, given = _by_array(columns) if is_postgres else _by_row(columns, dialect)
    statement = (
        f"INSERT INTO {words.format_table(table)} ({', '.join(names)}) {rows}",
        f"ON CONFLICT ({keys})",
        f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}",
    )
    return _Upsert(" ".join(statement), key_of(table), values_of(table), given)


def key_of(table: Table) -> Callable[[Values], Any]:
    """A function that takes the primary key of a row."""
    return itemgetter(*table.primary_key.columns.keys())


def values_of(table: Table) -> Callable[[Values], tuple[Any, ...]]:
    """A function that takes the values of a row, in order of columns."""
    names = table.columns.keys()
    return itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)


Taking = tuple[str, Callable[[Columns], Any]]
"""The part of a statement that holds the rows, and what turns columns into its parameters."""


def _by_row(columns: Sequence[Column[Any]], dialect: Dialect) -> Taking:
    """One tuple per row."""
    processors = [_processor(column, dialect) for column in columns]

    def given(values: Columns) -> list[tuple[Any, ...]]:
        taken = [
            map(process, column) if process else column
            for process, column in zip(processors, values, strict=True)
        ]
        return list(zip(*taken, strict=True))

    return f"VALUES ({', '.join('?' for _ in columns)})", given


def _processor(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """SQLAlchemy's own, except for JSON, and for days: the same text in a fifth of the time."""
    if isinstance(column.type, JSON):
        return json_text
    if isinstance(column.type, Date):
        return _iso
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _iso(day: date | None) -> str | None:
    return None if day is None else date.isoformat(day)


def _by_array(columns: Sequence[Column[Any]]) -> Taking:
    """One array per column."""
    packed = [packer(column) for column in columns]

    def given(values: Columns) -> tuple[arrays.Packed, ...]:
        return tuple(pack(column) for pack, column in zip(packed, values, strict=True))

    marks = ", ".join(f"%b::{pack.name}" for pack in packed)
    return f"SELECT * FROM unnest({marks})", given  # noqa: S608 - names of types


def packer(column: Column[Any]) -> arrays.ArrayOf:
    """What packs the values of a column for PostgreSQL; raises TypeError if nothing does."""
    for kind, packs in ARRAYS:
        if isinstance(column.type, kind):
            return packs
    raise TypeError(f"{column}: nothing packs {column.type!r} for PostgreSQL")


ARRAYS = (
    (String, arrays.texts),
    (BigInteger, arrays.bigints),
    (Integer, arrays.integers),
    (Boolean, arrays.booleans),
    (Date, arrays.days),
    (Uuid, arrays.uuids),
    (JSON, arrays.jsons),
)
"""How columns of each type are packed for PostgreSQL."""
