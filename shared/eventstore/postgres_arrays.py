"""Arrays in PostgreSQL's binary format, put together at once.

psycopg asks every element for its type: for the nine arrays of one event that takes as long as the
rest of the call.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from struct import Struct
from typing import Any

from psycopg import adapters
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EMPTY = Struct(">3i").pack
"""Dimensions, flags, type of the elements."""

_HEADER = Struct(">5i").pack
"""The same for one dimension, with its length and the index of the first element."""

_LENGTH = Struct(">i").pack
_NULL = _LENGTH(-1)


class Packed(bytes):
    """An array that goes to the database as it stands; the statement names its type."""


class _AsItStands(Dumper):
    """Hands a packed array to the driver."""

    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer:
        return obj


adapters.register_dumper(Packed, _AsItStands)


class _ArrayOf:
    """Packs values of one type of the database, of which some may be None."""

    def __init__(self, element: str, encoded: Callable[[Any], bytes]) -> None:
        self._type = adapters.types[element].oid
        self._encoded = encoded

    def __call__(self, values: Iterable[Any]) -> Packed:
        encoded = self._encoded
        items = [
            _NULL if value is None else _LENGTH(len(item := encoded(value))) + item
            for value in values
        ]
        if not items:
            return Packed(_EMPTY(0, 0, self._type))
        return Packed(b"".join([_HEADER(1, 0, self._type, len(items), 1), *items]))


uuids = _ArrayOf("uuid", attrgetter("bytes"))
bigints = _ArrayOf("int8", Struct(">q").pack)
texts = _ArrayOf("text", str.encode)
byteas = _ArrayOf("bytea", bytes)
