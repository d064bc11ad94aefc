"""A log in the memory of one process, to replay a history fast."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

import msgspec

from shared.eventstore.log import EventLog
from shared.eventstore.recorder import LogRow, Step
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.work import Work
from shared.kernel.aggregate import Aggregate, Remembered


class MemoryLog(EventLog):
    """A log that begins empty, is written to by one thread, and keeps its aggregates.

    Those that are not kept were never begun, or were in the hands of a transaction that came to
    nothing: its changes are thrown away with them.
    """

    def __init__(self) -> None:
        super().__init__(SQLiteLogRecorder(":memory:"))
        self.migrate()
        self._aggregates: dict[UUID, Aggregate] = {}
        self._thrown_away: set[UUID] = set()
        self._open: MemoryWork | None = None

    def begin(self) -> Work:
        """Begin a transaction; an earlier one that was not committed is over."""
        if self._open:
            self.throw_away(self._open.in_hand)
        self._open = MemoryWork(self)
        return self._open

    def throw_away(self, streams: Iterable[UUID]) -> None:
        """Forget aggregates that a transaction changed in vain."""
        for stream in streams:
            self._aggregates.pop(stream, None)
            self._thrown_away.add(stream)

    def kept(self, stream: UUID) -> tuple[Aggregate | None, bool]:
        """The aggregate kept for a stream, if any, and whether that is certain."""
        return self._aggregates.get(stream), stream not in self._thrown_away

    def keep(self, aggregates: dict[UUID, Aggregate]) -> None:
        """Take over the aggregates of a committed transaction."""
        self._aggregates |= aggregates
        self._thrown_away -= aggregates.keys()
        self._open = None


class MemoryWork(Work):
    """One transaction on a log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log.recorder, log.mapper)
        self._memory = log

    @property
    def in_hand(self) -> dict[UUID, Aggregate]:
        """The aggregates found or begun so far."""
        return {stream: found for stream, found in self._in_hand.items() if found}

    def go_on_from(self, earlier: Work) -> None:
        """Do nothing: the log itself knows what was left in hand, and what was thrown away."""

    def fetch(self, streams: Iterable[UUID]) -> None:
        """Do nothing: most is in memory."""

    def _load(self, stream: UUID) -> Aggregate | None:
        aggregate, is_certain = self._memory.kept(stream)
        return aggregate if is_certain else super()._load(stream)

    def take_back(self) -> None:
        """Undo what was not settled; all that is in hand is loaded anew."""
        self._memory.throw_away(self.in_hand)
        super().take_back()

    def commit(self, steps: Sequence[Step] = ()) -> int:
        """Write everything kept, and keep the aggregates for the next transaction."""
        written = super().commit(steps)
        begun = {stream: a for stream, a in self.in_hand.items() if not a.pending_events}
        self._memory.keep(begun)
        return written


class Stored(NamedTuple):
    """An event as stored, with its cause, not yet decoded."""

    row: LogRow
    cause: str
    log: EventLog

    @property
    def position(self) -> int:
        """Its position in its log."""
        return self.row[0]

    @property
    def topic(self) -> str:
        """The topic that names its class."""
        return self.row[3]

    def read(self) -> Remembered:
        """Decode the event."""
        return self.log.mapper.event(*self.row[1:])


class _Caused(msgspec.Struct):
    cause: str


_cause_of = msgspec.json.Decoder(_Caused).decode


def stored(log: EventLog, until: int) -> Iterator[Stored]:
    """The events of a log up to a position, in order, with nothing but their causes decoded."""
    for row in log.rows(until):
        yield Stored(row, _cause_of(row[-1]).cause, log)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause garbage collection: a growing house is kept whole, and collecting costs a third."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
