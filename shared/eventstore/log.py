"""A house's event log, and one transaction on it."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError

from shared.eventstore.chain import START, ChainedRow, broken
from shared.eventstore.failures import NotMigrated, UnsafeSetting, WrittenByNewer
from shared.eventstore.mapper import TypedMapper
from shared.eventstore.recorder import MAXIMUM, SCHEMA_VERSION, LogRecorder, LogRow, Step, StreamRow
from shared.kernel.aggregate import Aggregate, AnyAggregate, Remembered

PAGE = 1_000
"""Events read at a time."""

END_OF_TAGS = "\N{DEL}"
"""Sorts after every tag: prefix + END_OF_TAGS bounds all the tags that begin with a prefix."""


class Recorded(NamedTuple):
    """An event and its position in the log of its house."""

    position: int
    event: Remembered


class EventLog(Application[UUID]):
    """Everything a house remembers, in the order in which it was remembered.

    `recorder` keeps it. No aggregate cache and no snapshots: streams are short. Tables are made
    by `migrate` alone. The library's own database functions are refused: they drop tracking.
    """

    name = "log"
    env: ClassVar[dict[str, str]] = {"PERSISTENCE_MODULE": "eventsourcing.popo"}
    recorder: LogRecorder
    mapper: TypedMapper

    def __init__(self, recorder: LogRecorder) -> None:
        if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS"):
            raise UnsafeSetting("Unset POSTGRES_ENABLE_DB_FUNCTIONS: it would lose events.")
        self._given = recorder
        super().__init__()

    def construct_mapper(self) -> Mapper[UUID]:
        """Our stored format instead of the library's envelopes."""
        return TypedMapper(JSONTranscoder())

    def construct_recorder(self) -> LogRecorder:
        """The recorder that was given."""
        return self._given

    def close(self) -> None:
        """Close the recorder's connections."""
        super().close()
        self._given.close()

    def migrate(self) -> None:
        """Create or upgrade the tables; refuses those of a newer version."""
        self._refuse_newer()
        self.recorder.create_table()

    def check(self) -> None:
        """Refuse tables that this version cannot work on, and say what to do."""
        self._refuse_newer()
        if self.recorder.schema_version() < SCHEMA_VERSION:
            raise NotMigrated("The tables are not up to date: run `cagette migrate` first.")

    def _refuse_newer(self) -> None:
        version = self.recorder.schema_version()
        if version > SCHEMA_VERSION:
            raise WrittenByNewer(
                f"This home was written by a newer version of the product (schema {version}, "
                f"this version knows {SCHEMA_VERSION}): install that version or newer."
            )

    def head(self) -> int:
        """The position of the last event, 0 for an empty log."""
        return self.recorder.max_notification_id() or 0

    def read(self, after: int, limit: int) -> list[Recorded]:
        """Up to `limit` events that follow a position, decoded, in order."""
        event = self.mapper.event
        return [
            Recorded(position, event(stream, version, topic, state))
            for position, stream, version, topic, state in self.recorder.page(
                after + 1, MAXIMUM, limit
            )
        ]

    def history(self) -> Iterator[Remembered]:
        """Every event, decoded, in order; none is held longer than its reader holds it."""
        event = self.mapper.event
        for _, stream, version, topic, state in self.rows():
            yield event(stream, version, topic, state)

    def unreadable(self, after: int = 0) -> Iterator[str]:
        """A sentence for every event after a position that the code of today cannot read."""
        for position, stream, version, topic, state in self.rows(after=after):
            try:
                self.mapper.event(stream, version, topic, state)
            except MapperDeserialisationError as reason:
                yield f"event {position}: {reason}"

    def broken(self, after: int = 0, link: bytes = START) -> Iterator[str]:
        """A sentence for every row after a position, and its link, at which the chain breaks."""
        return broken(self._chained(after), link, after)

    def seal(self) -> str:
        """The last link, in hexadecimal: it stands for the whole log. Empty for an empty one."""
        return "".join((row[-1] or b"").hex() for row in self.recorder.chained(self.head(), 1))

    def _chained(self, position: int) -> Iterator[ChainedRow]:
        while page := self.recorder.chained(position + 1, PAGE):
            yield from (ChainedRow(*row) for row in page)
            position = page[-1][0]

    def matches(self, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
        """The first group of every match of a pattern in the stored events, as they stand."""
        for *_, state in self.rows():
            yield from pattern.findall(state)

    def rows(self, until: int = MAXIMUM, after: int = 0) -> Iterator[LogRow]:
        """Every row that follows a position, as far as another, in order."""
        while page := self.recorder.page(after + 1, until, PAGE):
            yield from page
            after = page[-1][0]

    def begin(self) -> "Work":
        """Start one transaction."""
        return Work(self)


class Work:
    """One transaction on a log: aggregates found once, events kept in order, written together.

    Nothing reaches the log before `commit`. Used by one thread, then thrown away.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._in_hand: dict[UUID, Aggregate | None] = {}
        self._events: list[Remembered] = []
        self._tags: list[tuple[str, UUID]] = []

    def find(self, cls: type[AnyAggregate], stream: UUID) -> AnyAggregate | None:
        """The aggregate of a stream, or None where nothing was ever remembered."""
        if stream not in self._in_hand:
            self._in_hand[stream] = self._load(stream)
        found = self._in_hand[stream]
        if found is not None and not isinstance(found, cls):
            raise TypeError(f"stream {stream} is a {type(found).__name__}, not a {cls.__name__}")
        return found

    def get(
        self, cls: type[AnyAggregate], stream: UUID, begin: Callable[[], AnyAggregate]
    ) -> AnyAggregate:
        """The aggregate of a stream; where nothing was remembered, the one that `begin` makes."""
        found = self.find(cls, stream)
        if found is None:
            found = begin()
            if found.id != stream:
                raise ValueError(f"{cls.__name__} began as {found.id}, not as {stream}")
            self._in_hand[stream] = found
        return found

    def fetch(self, streams: Iterable[UUID]) -> None:
        """Load many streams at once, that are found one by one next."""
        wanted = [stream for stream in dict.fromkeys(streams) if stream not in self._in_hand]
        for stream, rows in zip(wanted, self._log.recorder.streams(wanted), strict=True):
            self._in_hand[stream] = self._replayed(stream, rows)

    def first_events(self, streams: Sequence[UUID]) -> list[Remembered]:
        """What each of many streams began with, as it was written; nothing is replayed."""
        found = zip(streams, self._log.recorder.streams(streams, 1), strict=True)
        return [self._log.mapper.event(stream, *row) for stream, rows in found for row in rows]

    def _load(self, stream: UUID) -> Aggregate | None:
        return self._replayed(stream, self._log.recorder.stream(stream, 0, MAXIMUM))

    def _replayed(self, stream: UUID, rows: Iterable[StreamRow]) -> Aggregate | None:
        """Without the library's run-time protocol check, half the cost of its replay."""
        found: Any = None
        event = self._log.mapper.event
        for row in rows:
            found = event(stream, *row).mutate(found)
        return cast("Aggregate | None", found)

    def tagged(self, prefix: str, below: str | None = None) -> list[tuple[str, UUID]]:
        """(tag, stream) in order, for tags that begin with `prefix`, or lie in [prefix, below).

        Sees what this transaction has kept so far.
        """
        end = below or prefix + END_OF_TAGS
        kept = [pair for pair in self._tags if prefix <= pair[0] < end]
        return sorted({*self._log.recorder.tagged(prefix, end), *kept})

    def keep(self, aggregates: Iterable[Aggregate], cause: str) -> None:
        """Take over what just happened to some aggregates, stamped with what led to it."""
        for aggregate in aggregates:
            for event in cast("Sequence[Remembered]", aggregate.collect_events()):
                vars(event)["cause"] = cause
                self._events.append(event)
                self._tags += [(tag, event.originator_id) for tag in event.tags()]

    def keep_first(self, aggregate: Aggregate, cause: str) -> None:
        """Take over what led to all the rest, in front of it."""
        rest, self._events = self._events, []
        self.keep((aggregate,), cause)
        self._events += rest

    @property
    def kept(self) -> int:
        """How many events this transaction has kept so far."""
        return len(self._events)

    def commit(self, steps: Sequence[Step] = ()) -> int:
        """Write everything kept, and the moved positions, or nothing; how many events it was.

        Raises StreamConflict or PositionConflict when somebody else was first.
        """
        for aggregate in self._in_hand.values():
            if aggregate is not None and _changed(aggregate):
                raise AssertionError(f"{aggregate!r} changed and was not kept")
        if self._events or steps:
            rows = list(map(self._log.mapper.written, self._events))
            self._log.recorder.append(rows, steps, self._tags)
        return len(self._events)

    def heard(self) -> dict[str, int]:
        """How far every topic-partition (`speaker/partition`) has been heard."""
        positions = self._log.recorder.positions()
        return {name: position for name, position in positions.items() if "/" in name}


def _changed(aggregate: Aggregate) -> bool:
    """Whether something happened to it that was not kept, besides having been begun."""
    pending = len(aggregate.pending_events)
    return pending > 1 or (pending == 1 and aggregate.version > 1)
