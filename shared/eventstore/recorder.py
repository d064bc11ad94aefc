"""The port of a house's log: what every database under it must do.

Events, the tags of their streams and any number of tracked positions are written together or
not at all. A position is moved by compare-and-swap: who does not know where it stood is late.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, IntegrityError

SCHEMA_VERSION = 1
"""Stands in every house's database; a higher one was written by newer code."""

MAXIMUM = 2**63 - 1
"""The highest position that a database can count to."""


class Step(NamedTuple):
    """A tracked position moving on: from `previous` (None: never heard of) to `position`."""

    name: str
    previous: int | None
    position: int


class PositionConflict(IntegrityError):
    """A position no longer stands where this writer believed: somebody else moved it."""


class StreamConflict(IntegrityError):
    """Somebody else appended to the same stream first."""


class LogRecorder(ApplicationRecorder):
    """Keeps a house's log. `insert_events` takes `steps` and `tags` besides the events."""

    @abstractmethod
    def create_table(self) -> None:
        """Create what is missing, and stamp it with the version of the schema."""

    @abstractmethod
    def schema_version(self) -> int:
        """The version of the schema in the database: 0 before the first migration."""

    @abstractmethod
    def positions(self) -> dict[str, int]:
        """Every tracked position by name."""

    @abstractmethod
    def tagged(self, low: str, below: str) -> list[tuple[str, UUID]]:
        """(tag, stream) for every tag with low ≤ tag < below, in order of code points."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""


def span(
    start: int | None, stop: int | None, topics: Sequence[str], *, inclusive_of_start: bool
) -> tuple[int, int]:
    """The positions [first, last] that `select_notifications` is asked for."""
    if topics:
        raise NotImplementedError("the log is read whole: a reader lets pass what it ignores")
    first = (start or 0) + (0 if inclusive_of_start else 1)
    return first, MAXIMUM if stop is None else stop
