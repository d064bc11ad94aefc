"""What goes wrong with storage, as refusals that say what to do next."""

import sqlite3

import eventsourcing.persistence
import sqlalchemy.exc

from shared.kernel.errors import Refusal


class DiskFull(Refusal):
    """There is no room left to write."""

    name = "disk-full"


class StorageAway(Refusal):
    """The database cannot be read or written."""

    name = "storage-away"


STORAGE_EXCEPTIONS: tuple[type[Exception], ...] = (
    sqlite3.OperationalError,
    eventsourcing.persistence.OperationalError,
    eventsourcing.persistence.InterfaceError,
    sqlalchemy.exc.OperationalError,
)
"""What the libraries raise when the database, not the code, is at fault."""


def storage_refusal(error: Exception) -> Refusal | None:
    """The refusal that an error of the database stands for, or None for any other error."""
    if not isinstance(error, STORAGE_EXCEPTIONS):
        return None
    if "disk is full" in str(error):
        return DiskFull("The disk is full: free some room and try again; nothing was half done.")
    return StorageAway(f"The database cannot be used ({error}): nothing was half done, try again.")
