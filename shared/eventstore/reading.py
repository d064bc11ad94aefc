"""How views are read: with queries, each by itself or several on one connection."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import CompoundSelect, Connection, Select

Query = Select[Any] | CompoundSelect[Any]


class Readable(Protocol):
    """What can be queried: views, or a connection to them."""

    def found(self, query: Query, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What a query finds, given its parameters: one dict per row."""
        ...


class Reading:
    """A connection to views; each query sees what is there when it runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def found(self, query: Query, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What a query finds, given its parameters: one dict per row."""
        return [dict(row) for row in self._connection.execute(query, given).mappings()]
