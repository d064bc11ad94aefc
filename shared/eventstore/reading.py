"""How what is shown is read: with queries, each for itself or several on one connection."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import CompoundSelect, Connection, Select

Query = Select[Any] | CompoundSelect[Any]


class Readable(Protocol):
    """What can be asked for what is shown: views, or a connection to them."""

    def found(self, query: Query, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What a query finds with what is given for its parameters, a dict a row."""
        ...


class Reading:
    """A connection to views; each query sees what stands when it is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def found(self, query: Query, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What a query finds with what is given for its parameters, a dict a row."""
        return [dict(row) for row in self._connection.execute(query, given).mappings()]
