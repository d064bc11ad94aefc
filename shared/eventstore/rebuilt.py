"""Views rebuilt from the log in memory: their rows equal what a database would return."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Table

from shared.eventstore.engines import json_bytes
from shared.eventstore.folding import View, folded
from shared.eventstore.log import EventLog
from shared.eventstore.upsert import key_of, values_of

Values = tuple[Any, ...]


class Rebuilt:
    """Views of a house, empty at first, beside those that are shown."""

    def __init__(self, log: EventLog, views: Sequence[View]) -> None:
        self._log = log
        self._views = views
        self._tables = {table: _Rows(table) for view in views for table in view.tables}
        self.positions = {view.name: 0 for view in views}
        """How far each view has read the log."""

    def catch_up(self, until: Mapping[str, int] | None = None) -> Iterator[int]:
        """Read the log to its end, or each view up to `until`; yield how many events, by page."""
        for page in folded(self._log, self._views, self.positions, until):
            for table, row in page.rows:
                self._tables[table].put(row)
            self.positions = page.positions
            yield page.size

    def rows(self, table: Table) -> list[Values]:
        """Every row of a table, in order of its primary key."""
        return self._tables[table].all()


class _Rows:
    """The rows of a table by their primary keys."""

    def __init__(self, table: Table) -> None:
        self._key, self._values = key_of(table), values_of(table)
        self._json = [i for i, c in enumerate(table.columns) if isinstance(c.type, JSON)]
        self._by_key: dict[Any, Values] = {}

    def put(self, row: Mapping[str, Any]) -> None:
        self._by_key[self._key(row)] = self._values(row)

    def all(self) -> list[Values]:
        return [self._read_back(row) for _, row in sorted(self._by_key.items())]

    def _read_back(self, row: Values) -> Values:
        if not self._json:
            return row
        values = list(row)
        for i in self._json:
            values[i] = msgspec.json.decode(json_bytes(values[i]))
        return tuple(values)


def rebuilt(
    log: EventLog, views: Sequence[View], until: Mapping[str, int] | None = None
) -> Rebuilt:
    """Rebuild views from the log, to its end or each up to `until`."""
    made = Rebuilt(log, views)
    deque(made.catch_up(until), maxlen=0)
    return made
