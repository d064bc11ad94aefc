"""Ids of streams as stored in SQLite: 32 hexadecimal digits."""

import sqlite3
from functools import lru_cache
from uuid import UUID, SafeUUID

UNKNOWN = SafeUUID.unknown


@lru_cache(maxsize=10_000)
def uuid_in(stream: str) -> UUID:
    """The id of a stream, cached: ids recur, and UUID's own parser takes twice as long."""
    found = object.__new__(UUID)
    try:
        object.__setattr__(found, "int", int(stream, 16))
    except ValueError as reason:
        raise sqlite3.DatabaseError(f"malformed id of a stream: {stream!r}") from reason
    object.__setattr__(found, "is_safe", UNKNOWN)
    return found


NO_ID = UUID(int=0)


def uuid_as_written(written: bytes) -> UUID:
    """The id that was written; if it is not an id, one that no link was ever made from."""
    try:
        found = UUID(written.decode())
    except ValueError:
        return NO_ID
    return found if found.hex.encode() == written else NO_ID
