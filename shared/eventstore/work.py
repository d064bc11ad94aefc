"""One transaction on the log of a house."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast
from uuid import UUID

from shared.eventstore.mapper import TypedMapper
from shared.eventstore.recorder import MAXIMUM, LogRecorder, Step
from shared.kernel.aggregate import Aggregate, AnyAggregate, Remembered

END_OF_TAGS = "\U0010ffff"
"""Sorts after every tag: prefix + END_OF_TAGS bounds all tags that begin with the prefix."""


class Work:
    """One transaction on a log: aggregates found once, events kept in order, written together.

    Nothing reaches the log before `commit`. Used by one thread, then discarded or gone on from.
    """

    def __init__(self, recorder: LogRecorder, mapper: TypedMapper) -> None:
        self._recorder = recorder
        self._mapper = mapper
        self._in_hand: dict[UUID, Aggregate | None] = {}
        self._left: dict[UUID, Aggregate | None] = {}
        self._reached: int | None = None
        self._settled: list[Remembered] = []
        self._events: list[Remembered] = []
        self._tags: dict[tuple[str, UUID], None] = {}
        self._heard: dict[str, int] | None = None

    def go_on_from(self, earlier: "Work") -> None:
        """Reuse what an earlier transaction left in hand, if nothing was remembered since.

        Otherwise it is loaded. The caller ensures that nobody writes meanwhile, and that `earlier`
        was committed and is no longer used.
        """
        if earlier._reached == self._recorder.max_notification_id():
            left = earlier._in_hand.items()
            self._left = {s: found for s, found in left if not (found and found.pending_events)}

    def find(self, cls: type[AnyAggregate], stream: UUID) -> AnyAggregate | None:
        """The aggregate of a stream, or None if nothing was ever remembered."""
        found = self._in_hand.get(stream)
        if found is None and stream not in self._in_hand:
            is_left = stream in self._left
            found = self._left.pop(stream) if is_left else self._load(stream)
            self._in_hand[stream] = found
        if found is not None and not isinstance(found, cls):
            raise TypeError(f"stream {stream} is a {type(found).__name__}, not a {cls.__name__}")
        return found

    def get(
        self, cls: type[AnyAggregate], stream: UUID, begin: Callable[[], AnyAggregate]
    ) -> AnyAggregate:
        """The aggregate of a stream; if nothing was remembered, the one that `begin` makes."""
        found = self.find(cls, stream)
        if found is None:
            found = begin()
            if found.id != stream:
                raise ValueError(f"{cls.__name__} began as {found.id}, not as {stream}")
            self._in_hand[stream] = found
        return found

    def fetch(self, streams: Iterable[UUID]) -> None:
        """Load many streams at once that will then be found one by one."""
        known = self._in_hand.keys() | self._left.keys()
        wanted = [stream for stream in dict.fromkeys(streams) if stream not in known]
        if not wanted:
            return
        for stream, rows in zip(wanted, self._recorder.streams(wanted), strict=True):
            self._in_hand[stream] = self._mapper.replayed(stream, rows)

    def first_events(self, streams: Sequence[UUID]) -> list[Remembered]:
        """The first event of each of many streams, as it was written; nothing is replayed.

        Includes what this transaction has kept so far.
        """
        first = Aggregate.INITIAL_VERSION
        kept = (*self._settled, *self._events)
        begun = {e.originator_id: e for e in kept if e.originator_version == first}
        stored = [stream for stream in streams if stream not in begun]
        for stream, rows in zip(stored, self._recorder.streams(stored, first), strict=True):
            for row in rows:
                begun[stream] = self._mapper.event(stream, *row)
        return [begun[stream] for stream in streams if stream in begun]

    def _load(self, stream: UUID) -> Aggregate | None:
        rows = self._recorder.stream(stream, 0, MAXIMUM)
        return cast("Aggregate | None", self._mapper.replayed(stream, rows))

    def tagged(self, prefix: str, below: str | None = None) -> list[tuple[str, UUID]]:
        """(tag, stream) in order, for tags that begin with `prefix`, or lie in [prefix, below).

        Includes what this transaction has kept so far.
        """
        end = below or prefix + END_OF_TAGS
        kept = [pair for pair in self._tags if prefix <= pair[0] < end]
        return sorted({*self._recorder.tagged(prefix, end), *kept})

    def keep(self, aggregates: Iterable[Aggregate], cause: str) -> None:
        """Take over the new events of some aggregates, stamped with their cause."""
        for aggregate in aggregates:
            self._in_hand[aggregate.id] = aggregate
            happened = cast("list[Remembered]", aggregate.pending_events)
            for event in happened:
                vars(event)["cause"] = cause
                for tag in event.tags():
                    self._tags[tag, event.originator_id] = None
            self._events += happened
            happened.clear()

    def keep_first(self, aggregate: Aggregate, cause: str) -> None:
        """Take over what led to all that is kept and not yet settled, in front of it."""
        rest, self._events = self._events, []
        self.keep((aggregate,), cause)
        self._events += rest

    @property
    def kept(self) -> int:
        """How many events are kept and not yet settled."""
        return len(self._events)

    @property
    def happened(self) -> set[type[Remembered]]:
        """The classes of all events that are kept and not yet written."""
        return {type(event) for event in (*self._settled, *self._events)}

    def settle(self) -> int:
        """Settle what was kept, whatever comes next; return how many events are settled by now."""
        for aggregate in self._in_hand.values():
            if aggregate is not None and _changed(aggregate):
                raise AssertionError(f"{aggregate!r} changed and was not kept")
        self._settled += self._events
        self._events = []
        return len(self._settled)

    def take_back(self) -> None:
        """Undo all that was done since the last `settle`; after this, only commit."""
        self._events, self._in_hand = [], {}
        self._tags = {(tag, e.originator_id): None for e in self._settled for tag in e.tags()}

    def commit(self, steps: Sequence[Step] = ()) -> int:
        """Write everything kept and the moved positions, or nothing; return the number of events.

        Raises StreamConflict or PositionConflict if somebody else was first.
        """
        count = self.settle()
        if count or steps:
            rows = list(map(self._mapper.written, self._settled))
            positions = self._recorder.append(rows, steps, list(self._tags))
            self._reached = positions[-1] if positions else None
            self._settled, self._tags = [], {}
        return count

    def heard(self) -> dict[str, int]:
        """How far every topic-partition (`speaker/partition`) was heard, as of the first call."""
        if self._heard is None:
            self._heard = heard_of(self._recorder.positions())
        return self._heard


class AtWork:
    """A house's application within one transaction, which keeps what it is told to."""

    def __init__(self, work: Work, cause: str) -> None:
        self._work = work
        self._cause = cause

    def keep(self, *aggregates: Aggregate) -> None:
        """Remember what just happened to some aggregates."""
        self._work.keep(aggregates, self._cause)


def heard_of(positions: Mapping[str, int]) -> dict[str, int]:
    """How far every topic-partition has been heard, picked from all tracked positions."""
    return {name: position for name, position in positions.items() if "/" in name}


def _changed(aggregate: Aggregate) -> bool:
    """Whether it has events that were not kept, apart from the one that began it."""
    pending = len(aggregate.pending_events)
    return pending > 1 or (pending == 1 and aggregate.version > 1)
