"""The port of a house's log: what every database behind it must do.

Events, the tags of their streams and any number of tracked positions are written together or
not at all. A position is moved by compare-and-swap: a writer that is wrong about where it stood is
too late.

Rows are plain tuples, because all that a house remembers passes through here. The library's own
methods, which make an object of each row, are built on them for callers that know only the library.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
)

from shared.eventstore.failures import without_end

SCHEMA_VERSION = 4
"""Stored in every house's database; a higher version was written by newer code.

Since 2: the hash chain. Since 3: PostgreSQL accepts links that the writer computed. Since 4: the
end of the log is kept in a table.
"""

MAXIMUM = 2**63 - 1
"""The highest position that a database can hold."""


class Row(NamedTuple):
    """An event as stored."""

    stream: UUID
    version: int
    topic: str
    state: bytes


StreamRow = tuple[int, str, bytes]
"""A row of a known stream: version, topic, state."""

LogRow = tuple[int, UUID, int, str, bytes]
"""A row of the log: position, stream, version, topic, state."""

BareRow = tuple[int, Any, int, str, bytes]
"""The same, with the stream as the database returns it."""


class End(NamedTuple):
    """How far a log was ever written: the last position assigned, and the last link."""

    position: int
    link: bytes


def only_end(rows: Sequence[tuple[int, bytes]]) -> End:
    """The end of a log, given what its table holds; raises StorageDamaged if not a single row."""
    if len(rows) != 1:
        raise without_end()
    return End(*rows[0])


class Step(NamedTuple):
    """A move of a tracked position from `previous` (None: not tracked yet) to `position`."""

    name: str
    previous: int | None
    position: int


class PositionConflict(IntegrityError):
    """A position is no longer where this writer expected it: somebody else moved it."""


class StreamConflict(IntegrityError):
    """Somebody else appended to the same stream first."""


class LogRecorder(ApplicationRecorder):
    """Stores a house's log."""

    @abstractmethod
    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Write events, positions and tags in one transaction; return the events' positions.

        Raises PositionConflict or StreamConflict if somebody else was first.
        """

    @abstractmethod
    def stream(self, stream: UUID, after: int, last: int) -> Sequence[StreamRow]:
        """The rows of a stream with after < version ≤ last, in order."""

    def streams(
        self, streams: Sequence[UUID], last: int = MAXIMUM
    ) -> Sequence[Sequence[StreamRow]]:
        """For each of many streams, its rows with version ≤ last, in order."""
        return [self.stream(stream, 0, last) for stream in streams]

    @abstractmethod
    def page(self, first: int, last: int, limit: int) -> Sequence[LogRow]:
        """Up to `limit` rows with first ≤ position ≤ last, in order."""

    def bare_page(self, first: int, last: int, limit: int) -> Sequence[BareRow]:
        """`page`, for callers that need the streams of few rows: `stream_id` decodes them."""
        return self.page(first, last, limit)

    def stream_id(self, bare: Any) -> UUID:
        """The id of the stream in a bare row."""
        return cast("UUID", bare)

    @abstractmethod
    def chained(self, first: int, limit: int) -> Sequence[tuple[*LogRow, bytes | None]]:
        """Up to `limit` rows from a position on, each with its link of the hash chain."""

    @abstractmethod
    def end(self) -> End:
        """How far the log was ever written, whatever rows it has now."""

    @abstractmethod
    def create_table(self) -> None:
        """Create what is missing, link rows that have no link yet, and stamp the schema version."""

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

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int]:
        """`append`, with `steps` and `tags`, in the library's terms."""
        rows = [
            Row(cast("UUID", e.originator_id), e.originator_version, e.topic, e.state)
            for e in stored_events
        ]
        return self.append(rows, kwargs.get("steps", ()), kwargs.get("tags", ()))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """`stream`, in the library's terms."""
        found = self.stream(cast("UUID", originator_id), gt or 0, MAXIMUM if lte is None else lte)
        ordered = list(reversed(found)) if desc else found
        return [StoredEvent(originator_id, *row) for row in ordered[:limit]]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """`page`, in the library's terms; `topics` is not supported."""
        if topics:
            raise NotImplementedError(
                "filtering by topic is not supported: readers skip what they do not want"
            )
        first = (start or 0) + (0 if inclusive_of_start else 1)
        page = self.page(first, MAXIMUM if stop is None else stop, limit)
        return [
            Notification(stream, version, topic, state, position)
            for position, stream, version, topic, state in page
        ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """Not supported: readers poll by position."""
        raise NotImplementedError("a reader of the log polls by position")
