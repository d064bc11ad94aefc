"""The port of a house's log: what every database under it must do.

Events, the tags of their streams and any number of tracked positions are written together or
not at all. A position is moved by compare-and-swap: who does not know where it stood is late.

Rows are plain tuples, for all that a house remembers passes here: the library's own methods, which
make an object of each, stand on them for who knows only the library.
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

SCHEMA_VERSION = 4
"""Stands in every house's database; a higher one was written by newer code.

Since 2: the chain. Since 3: PostgreSQL takes links that the writer made. Since 4: `log_end`.
"""

MAXIMUM = 2**63 - 1
"""The highest position that a database can count to."""


class Row(NamedTuple):
    """An event as it is stored."""

    stream: UUID
    version: int
    topic: str
    state: bytes


StreamRow = tuple[int, str, bytes]
"""Of a stream that is known: version, topic, state."""

LogRow = tuple[int, UUID, int, str, bytes]
"""Of the log: position, stream, version, topic, state."""

BareRow = tuple[int, Any, int, str, bytes]
"""The same; its stream as the database gives it."""


class End(NamedTuple):
    """How far a log was ever written: the last position given to a row, and the last link."""

    position: int
    link: bytes


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
    """Keeps a house's log."""

    @abstractmethod
    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Write events, positions and tags in one transaction; the positions of the events.

        Raises PositionConflict or StreamConflict when somebody else was first.
        """

    @abstractmethod
    def stream(self, stream: UUID, after: int, last: int) -> Sequence[StreamRow]:
        """The rows of a stream with after < version ≤ last, in order."""

    def streams(
        self, streams: Sequence[UUID], last: int = MAXIMUM
    ) -> Sequence[Sequence[StreamRow]]:
        """The rows of each of many streams with version ≤ last, in order."""
        return [self.stream(stream, 0, last) for stream in streams]

    @abstractmethod
    def page(self, first: int, last: int, limit: int) -> Sequence[LogRow]:
        """Up to `limit` rows with first ≤ position ≤ last, in order."""

    def bare_page(self, first: int, last: int, limit: int) -> Sequence[BareRow]:
        """`page`, for who asks of few rows what their stream is: by `stream_id`."""
        return self.page(first, last, limit)

    def stream_id(self, bare: Any) -> UUID:
        """The id of a stream that a bare row has."""
        return cast("UUID", bare)

    @abstractmethod
    def chained(self, first: int, limit: int) -> Sequence[tuple[*LogRow, bytes | None]]:
        """Up to `limit` rows from a position on, each with its link of the hash chain."""

    @abstractmethod
    def end(self) -> End:
        """How far the log was ever written, whatever rows it has now."""

    @abstractmethod
    def create_table(self) -> None:
        """Create what is missing, link what has no link yet, and stamp the schema's version."""

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
        """`append`, with `steps` and `tags`, in the library's words."""
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
        """`stream`, in the library's words."""
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
        """`page`, in the library's words; `topics` is not offered."""
        if topics:
            raise NotImplementedError("the log is read whole: a reader lets pass what it ignores")
        first = (start or 0) + (0 if inclusive_of_start else 1)
        page = self.page(first, MAXIMUM if stop is None else stop, limit)
        return [
            Notification(stream, version, topic, state, position)
            for position, stream, version, topic, state in page
        ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """Not offered: a reader polls by position."""
        raise NotImplementedError("a reader of the log polls by position")
