"""What goes wrong with storage, as refusals that say what to do next."""

import re
import sqlite3

import eventsourcing.persistence
import sqlalchemy.exc

from shared.kernel.errors import Refusal


class NotMigrated(Refusal):
    """The tables of a house are missing or older than the code."""

    name = "not-migrated"


class WrittenByNewer(Refusal):
    """The tables of a house were made by a newer version of the product."""

    name = "written-by-newer-version"


class UnsafeSetting(Refusal):
    """A setting of the library under which events would be lost."""

    name = "unsafe-setting"


class DiskFull(Refusal):
    """There is no room left to write."""

    name = "disk-full"


class StorageAway(Refusal):
    """The database cannot be read or written."""

    name = "storage-away"


class StorageDamaged(Refusal):
    """The database does not hold what was written."""

    name = "storage-damaged"


def never_written() -> StorageDamaged:
    """The refusal to append to a log with rows past its end: no house of today wrote them."""
    return StorageDamaged(
        "There are rows past the end of the log: see `cagette verify`, and restore the last good "
        "backup."
    )


def without_end() -> StorageDamaged:
    """The refusal to use a log of which nothing says where it ends."""
    return StorageDamaged(
        "Nothing says where the log ends (its table log_end has no row, or several): restore the "
        "last good backup."
    )


OURS = (
    sqlite3.IntegrityError,
    eventsourcing.persistence.IntegrityError,
    sqlalchemy.exc.IntegrityError,
)
"""Conflicts: nothing that waiting would resolve."""

MISSING = ("42P01", "3F000")
"""How PostgreSQL says that a table, or a schema, is not there."""

FAULTS = re.compile("2[23]...|42(?!501)...")
"""How it says that a statement is wrong; 42501, a missing privilege, is not such a fault."""

DAMAGED = ("malformed", "not a database", "Could not decode")
"""How SQLite, and we, say that a file is not what was written."""

DISK_FULL = "53100"
"""How PostgreSQL says that the disk is full, in whatever language it speaks."""

STORAGE_EXCEPTIONS: tuple[type[Exception], ...] = (
    sqlite3.DatabaseError,
    eventsourcing.persistence.DatabaseError,
    eventsourcing.persistence.InterfaceError,
    sqlalchemy.exc.DatabaseError,
    sqlalchemy.exc.TimeoutError,
)
"""What the libraries raise when the database, not the code, is at fault."""


def storage_refusal(error: Exception) -> Refusal | None:
    """The refusal that an error of the database stands for, or None for any other error."""
    if not isinstance(error, STORAGE_EXCEPTIONS) or isinstance(error, OURS):
        return None
    what = str(error).partition("\n")[0]
    state = getattr(getattr(error, "orig", error.__cause__), "sqlstate", None) or ""
    if state in MISSING or "no such" in what:
        return StorageAway(f"A table is missing ({what}): run `cagette migrate`.")
    if FAULTS.fullmatch(state):
        return None
    if any(words in what for words in DAMAGED):
        return StorageDamaged(f"The database is damaged ({what}): restore it from a backup.")
    if "readonly" in what or "unable to open" in what:
        return StorageAway(f"The database cannot be written ({what}): check who owns its folder.")
    if "disk is full" in what or state == DISK_FULL:
        return DiskFull("The disk is full: free some space and try again; nothing was half done.")
    return StorageAway(f"The database cannot be used ({what}): nothing was half done, try again.")
