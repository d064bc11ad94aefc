"""Rows written in the place of those with their primary keys, many with one statement."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Table

Processor = Callable[[Any], Any]


class _Upsert(NamedTuple):
    """A statement in the words of a database, and how it takes the values of each column."""

    statement: str
    columns: tuple[tuple[str, Processor | None], ...]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of a row, as the driver takes them."""
        return tuple(
            row[name] if processed is None else processed(row[name])
            for name, processed in self.columns
        )


def upsert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, of which no two have the same primary key.

    By the driver: SQLAlchemy's own way takes 1.3 to 1.9 times as long for a few rows.
    """
    how = _upsert(table, connection.dialect)
    connection.exec_driver_sql(how.statement, list(map(how.values, rows)))


@lru_cache(maxsize=256)
def _upsert(table: Table, dialect: Dialect) -> _Upsert:
    words, columns = dialect.identifier_preparer, tuple(table.columns)
    names = [words.quote(column.name) for column in columns]
    keys = ", ".join(words.quote(column.name) for column in table.primary_key)
    marks = ", ".join("%s" if dialect.paramstyle == "pyformat" else "?" for _ in columns)
    processors = (c.type.dialect_impl(dialect).bind_processor(dialect) for c in columns)
    statement = (
        f"INSERT INTO {words.format_table(table)} ({', '.join(names)})",
        f"VALUES ({marks}) ON CONFLICT ({keys})",
        f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}",
    )
    return _Upsert(" ".join(statement), tuple(zip(table.columns.keys(), processors, strict=True)))
