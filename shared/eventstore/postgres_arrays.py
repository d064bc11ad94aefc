"""Arrays in PostgreSQL's binary format, packed in one go.

psycopg asks every element for its type: for the arrays of one event, that took as long as the rest
of the call.
"""

from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from struct import Struct
from typing import Any
from uuid import UUID

from psycopg import adapters
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from shared.eventstore.engines import json_bytes

_EMPTY = Struct(">3i").pack
"""The header of an empty array: dimensions, flags, type of the elements."""

_HEADER = Struct(">5i").pack
"""The same for one dimension, with its length and the index of its first element."""

_LENGTH = Struct(">i").pack
_NULL = _LENGTH(-1)


class Packed(bytes):
    """An array that goes to the database as is; the statement names its type."""


class _AsItStands(Dumper):
    """Hands a packed array to the driver."""

    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer:
        return obj


adapters.register_dumper(Packed, _AsItStands)


class ArrayOf:
    """Packs values of one database type, some of which may be None.

    `sized` returns a value's bytes, preceded by their length.
    """

    def __init__(self, element: str, sized: Callable[[Any], bytes]) -> None:
        self.name = f"{element}[]"
        self._type = adapters.types[element].oid
        self._sized = sized

    def __call__(self, values: Iterable[Any]) -> Packed:
        """An array of these values."""
        sized = self._sized
        items = [_NULL if value is None else sized(value) for value in values]
        if not items:
            return Packed(_EMPTY(0, 0, self._type))
        return Packed(b"".join([_HEADER(1, 0, self._type, len(items), 1), *items]))


class _ArrayOfJson(ArrayOf):
    """Packs whatever JSON can express; here None is a value too."""

    def __call__(self, values: Iterable[Any]) -> Packed:
        return super().__call__(map(json_bytes, values))


def _sized(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _sized_text(value: str) -> bytes:
    return _sized(value.encode())


def _sized_uuid(value: UUID) -> bytes:
    return _SIXTEEN + value.bytes


def _sized_day(value: date) -> bytes:
    return _sized_integer(value.toordinal() - _DAY_ZERO)


_SIXTEEN = _LENGTH(16)
_DAY_ZERO = date(2000, 1, 1).toordinal()
_sized_integer = partial(Struct(">2i").pack, 4)

uuids = ArrayOf("uuid", _sized_uuid)
bigints = ArrayOf("int8", partial(Struct(">iq").pack, 8))
integers = ArrayOf("int4", _sized_integer)
booleans = ArrayOf("bool", {False: _sized(b"\0"), True: _sized(b"\1")}.__getitem__)
days = ArrayOf("date", _sized_day)
texts = ArrayOf("text", _sized_text)
byteas = ArrayOf("bytea", _sized)
jsons = _ArrayOfJson("json", _sized)
