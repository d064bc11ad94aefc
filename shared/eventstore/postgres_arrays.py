"""Arrays in PostgreSQL's binary format, put together at once.

psycopg asks every element for its type: for the nine arrays of one event that takes as long as the
rest of the call.
"""

from collections.abc import Callable, Iterable
from datetime import date
from operator import attrgetter
from struct import Struct
from typing import Any

from psycopg import adapters
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from shared.eventstore.engines import json_bytes

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


class ArrayOf:
    """Packs values of one type of the database, of which some may be None."""

    def __init__(self, element: str, encoded: Callable[[Any], bytes]) -> None:
        self.name = f"{element}[]"
        self._type = adapters.types[element].oid
        self._encoded = encoded

    def __call__(self, values: Iterable[Any]) -> Packed:
        """An array of these values."""
        encoded = self._encoded
        items = [
            _NULL if value is None else _LENGTH(len(item := encoded(value))) + item
            for value in values
        ]
        if not items:
            return Packed(_EMPTY(0, 0, self._type))
        return Packed(b"".join([_HEADER(1, 0, self._type, len(items), 1), *items]))


class _ArrayOfJson(ArrayOf):
    """Packs whatever JSON can say; None too is a value then."""

    def __call__(self, values: Iterable[Any]) -> Packed:
        return super().__call__(map(json_bytes, values))


_DAY_ZERO = date(2000, 1, 1).toordinal()
_int4 = Struct(">i").pack


def _day(value: date) -> bytes:
    return _int4(value.toordinal() - _DAY_ZERO)


uuids = ArrayOf("uuid", attrgetter("bytes"))
bigints = ArrayOf("int8", Struct(">q").pack)
integers = ArrayOf("int4", _int4)
booleans = ArrayOf("bool", {False: b"\0", True: b"\1"}.__getitem__)
days = ArrayOf("date", _day)
texts = ArrayOf("text", str.encode)
byteas = ArrayOf("bytea", bytes)
jsons = _ArrayOfJson("json", bytes)
