"""A view rebuilt beside the live one while writers go on, and put in its place.

It is built in memory, never further than the live one has read. To switch, one transaction keeps
writers out, reads the little that came meanwhile, and writes the rows that differ. How far the
view has read does not change, so its worker goes on as if nothing had happened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, delete, select

from shared.eventstore.folding import View
from shared.eventstore.rebuilt import Rebuilt, Values
from shared.eventstore.upsert import write_rows
from shared.eventstore.views import (
    ONE_MOMENT,
    POSITIONS,
    VERSIONS,
    Views,
    rows_of,
    take_turns_to_write,
)


@dataclass(frozen=True)
class Change:
    """A row that is not as the log says: as it stands, and as it should be (None: absent)."""

    table: Table
    stands: Values | None
    should: Values | None

    @property
    def key(self) -> dict[str, Any]:
        """The row's primary key, by column."""
        row = self.should or self.stands or ()
        return {c.name: v for c, v in zip(self.table.columns, row, strict=True) if c.primary_key}

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """By column, what stands and what should stand, where they differ; enums as plain text."""
        none = (None,) * len(self.table.columns)
        pairs = zip(self.stands or none, self.should or none, strict=True)
        named = zip(self.table.columns.keys(), pairs, strict=True)
        return {name: (one, _plain(other)) for name, (one, other) in named if one != other}


class Rebuild:
    """One view of a house, rebuilt."""

    def __init__(self, live: Views, view: View) -> None:
        self._live = live
        self._view = view
        self._rebuilt = Rebuilt(live.log, (view,))

    @property
    def reached(self) -> int:
        """How far it has read the log."""
        return self._rebuilt.positions[self._view.name]

    def goal(self) -> int:
        """How far the live view has read by now."""
        return self._live.positions()[self._view.name]

    def catch_up(self, goal: int) -> Iterator[int]:
        """Read the log up to a position; yield how far it has come, page by page."""
        for _ in self._rebuilt.catch_up({self._view.name: goal}):
            yield self.reached

    def changes(self) -> list[Change]:
        """What differs as of one moment, whatever writers do; nothing is changed."""
        with self._live.engine.connect() as connection:
            connection.exec_driver_sql(ONE_MOMENT[connection.dialect.name])
            return self._changes(connection)

    def switch(self) -> list[Change]:
        """Put it in the place of the live view, in one transaction; return what that changed."""
        with self._live.engine.connect() as connection:
            take_turns_to_write(connection)
            changes = self._changes(connection)
            for change in changes:
                if change.should is None:
                    table, key = change.table, change.key
                    same = [table.c[name] == value for name, value in key.items()]
                    connection.execute(delete(table).where(*same))
            rows = [(c.table, _named(c.table, c.should)) for c in changes if c.should]
            write_rows(connection, rows)
            made = {"view": self._view.name, "version": self._view.version}
            write_rows(connection, [(VERSIONS, made)])
            connection.commit()
            return changes

    def _changes(self, connection: Connection) -> list[Change]:
        name = self._view.name
        goal = connection.scalar(select(POSITIONS.c.position).where(POSITIONS.c.view == name))
        for _ in self.catch_up(goal or 0):
            pass
        return [
            change
            for table in self._view.tables
            for change in _differing(table, rows_of(connection, table), self._rebuilt.rows(table))
        ]


def _differing(
    table: Table, stands: Sequence[Values], should: Sequence[Values]
) -> Iterator[Change]:
    keys = [i for i, column in enumerate(table.columns) if column.primary_key]
    here = {tuple(row[i] for i in keys): row for row in stands}
    there = {tuple(row[i] for i in keys): row for row in should}
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            yield Change(table, here.get(key), there.get(key))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _named(table: Table, row: Values) -> dict[str, Any]:
    return dict(zip(table.columns.keys(), row, strict=True))
