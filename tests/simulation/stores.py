"""What survives a crash: a log, views and keys in memory, and the right to write to them."""

import sqlite3
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, StaticPool, create_engine, event

from deploy.cli.houses import HOUSES, VIEWS
from shared.eventstore.chain import START, linked
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import (
    SCHEMA_VERSION,
    End,
    LogRecorder,
    LogRow,
    PositionConflict,
    Row,
    Step,
    StreamConflict,
    StreamRow,
)
from shared.eventstore.views import Views
from shared.vault.keys import Keys
from tests.simulation.faults import MOMENTS, Fate, Rates


class FallibleRecorder(LogRecorder):
    """A house's log in memory, whose commits are moments of fate.

    It outlives the processes that write to it, and promises what `LogRecorder` promises.
    """

    def __init__(self, house: str, fate: Fate) -> None:
        self._house = house
        self._fate = fate
        self._log: list[tuple[*LogRow, bytes | None]] = []
        self._streams: dict[UUID, list[StreamRow]] = {}
        self._tags: list[tuple[str, UUID]] = []
        self._positions: dict[str, int] = {}

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Write all or nothing; before and after it anything may happen."""
        what = f"{len(rows)} events of {self._house}"
        self._fate.commit(what, MOMENTS[0])
        self._refuse_conflicts(rows, steps)
        before = len(self._log)
        links = linked((before and self._log[-1][-1]) or START, rows)
        for position, (row, link) in enumerate(zip(rows, links, strict=True), before + 1):
            self._log.append((position, *row, link))
            self._streams.setdefault(row.stream, []).append((row.version, row.topic, row.state))
        self._positions |= {step.name: step.position for step in steps}
        for tag in {*tags}.difference(self._tags):
            insort(self._tags, tag)
        self._fate.commit(what, MOMENTS[1])
        return list(range(before + 1, len(self._log) + 1))

    def _refuse_conflicts(self, rows: Sequence[Row], steps: Sequence[Step]) -> None:
        for step in steps:
            if self._positions.get(step.name) != step.previous:
                raise PositionConflict(f"{step.name} is no longer at {step.previous}")
        known: dict[UUID, int] = {}
        for row in rows:
            last = known.get(row.stream, len(self._streams.get(row.stream, ())))
            if row.version != last + 1:
                raise StreamConflict(f"version {row.version} does not follow {last}")
            known[row.stream] = row.version

    def stream(self, stream: UUID, after: int, last: int) -> Sequence[StreamRow]:
        """The rows of a stream with after < version ≤ last, in order."""
        return self._streams.get(stream, [])[after:last]

    def page(self, first: int, last: int, limit: int) -> Sequence[LogRow]:
        """Up to `limit` rows with first ≤ position ≤ last; they may be stale when they are used."""
        found = [row[:5] for row in self._log[first - 1 : min(last, first - 1 + limit)]]
        self._fate.read()
        return found

    def chained(self, first: int, limit: int) -> Sequence[tuple[*LogRow, bytes | None]]:
        """Up to `limit` rows from a position on, each with its link of the hash chain."""
        return self._log[max(0, first - 1) : first - 1 + limit]

    def max_notification_id(self) -> int | None:
        """The position of the last event."""
        return len(self._log) or None

    def positions(self) -> dict[str, int]:
        """Every tracked position by name."""
        return dict(self._positions)

    def tagged(self, low: str, below: str) -> list[tuple[str, UUID]]:
        """(tag, stream) for every tag with low ≤ tag < below, in order."""
        first, end = (bisect_left(self._tags, word, key=itemgetter(0)) for word in (low, below))
        return self._tags[first:end]

    def seal(self) -> str:
        """The last link, which stands for the whole log."""
        return (self._log[-1][-1] or b"").hex() if self._log else ""

    def end(self) -> End:
        """How far the log was ever written."""
        return End(len(self._log), (self._log and self._log[-1][-1]) or START)

    def create_table(self) -> None:
        """There is nothing to create."""

    def schema_version(self) -> int:
        """The version of the code."""
        return SCHEMA_VERSION

    def close(self) -> None:
        """Nothing to do when a process ends: what is stored stays."""


class SimulatedLease(Lease):
    """The right to write; a process that does not get it at once tries again later."""

    def __init__(self) -> None:
        super().__init__("a simulated home", 0)
        self._holder: object = None

    @property
    def is_held(self) -> bool:
        """Whether somebody has it."""
        return self._holder is not None

    def lose(self) -> None:
        """Take it from its holder, which does not notice."""
        self._holder = None

    @contextmanager
    def held(self, waited: float = 0) -> Iterator[None]:
        """Hold it; raises HomeBusy if somebody else does."""
        if self.is_held:
            raise self.busy()
        mine = self._holder = object()
        try:
            yield
        finally:
            if self._holder is mine:
                self._holder = None


class Stores:
    """The databases of the three houses and of the vault, empty at first."""

    def __init__(self, fate: Fate) -> None:
        self.recorders = {name: FallibleRecorder(name, fate) for name in HOUSES}
        self.writing = {name: SimulatedLease() for name in HOUSES}
        self.working = {name: SimulatedLease() for name in HOUSES}
        self.engines = {name: _emptied(name, name, fate) for name in (*HOUSES, "vault")}


def _emptied(kind: str, name: str, fate: Fate | None) -> Engine:
    """An engine with the empty tables of a house's views, or of the vault.

    It is reused from run to run, because compiling its queries anew takes longer than a run.
    """
    engine, template, fates = _engine(kind, name)
    connection = engine.raw_connection()
    connection.driver_connection.deserialize(template)  # type: ignore[union-attr]
    connection.close()
    fates[:] = [fate] if fate else []
    return engine


@cache
def _engine(kind: str, name: str) -> tuple[Engine, bytes, list[Fate]]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    fates: list[Fate] = []
    if kind == "vault":
        Keys(engine).migrate()
    else:
        log = EventLog(FallibleRecorder(kind, Fate(Random(0), Rates())))
        Views(log, VIEWS[kind], engine).migrate()

    connection = engine.raw_connection()
    raw: sqlite3.Connection = connection.driver_connection  # type: ignore[assignment]
    template, written = raw.serialize(), raw.total_changes
    connection.close()

    @event.listens_for(engine, "commit")
    def committing(_: Any) -> None:
        nonlocal written
        if raw.total_changes == written:
            return  # a transaction that only read
        written = raw.total_changes
        for fate in fates:
            fate.commit(f"the database of {name}", MOMENTS[0])

    return engine, template, fates
