"""What survives a crash: a log, views and keys in memory, and the right to write to them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, StaticPool, create_engine, event

from deploy.cli.houses import HOUSES, VIEWS
from shared.eventstore.lease import HomeBusy
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import Row, Step
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.views import Views
from shared.vault.keys import Keys
from tests.simulation.faults import MOMENTS, Fate


class FallibleRecorder(SQLiteLogRecorder):
    """A house's log in memory, whose commits are moments of fate."""

    def __init__(self, house: str, fate: Fate) -> None:
        super().__init__(":memory:")
        self._house = house
        self._fate = fate

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        """Written as always; before and after it anything may happen."""
        what = f"{len(rows)} events of {self._house}"
        self._fate.commit(what, MOMENTS[0])
        written = super().append(rows, steps, tags)
        self._fate.commit(what, MOMENTS[1])
        return written

    def page(self, first: int, last: int, limit: int) -> Sequence[Any]:
        """Read as always; what was read may be old by the time it is used."""
        found = super().page(first, last, limit)
        self._fate.read()
        return found

    def close(self) -> None:
        """Of a process that ends; what is stored stays."""

    def end(self) -> None:
        """Let go of it for good."""
        super().close()


class SimulatedLease:
    """The right to write; whoever does not get it at once comes again later."""

    def __init__(self) -> None:
        self._holder: object = None

    @property
    def is_held(self) -> bool:
        """Whether somebody has it."""
        return self._holder is not None

    def lose(self) -> None:
        """Take it from its holder, who does not notice."""
        self._holder = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; raises HomeBusy where somebody else does."""
        if self.is_held:
            raise HomeBusy("somebody else is writing")
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
        self.engines = {name: _emptied(name, fate) for name in (*HOUSES, "vault")}

    def close(self) -> None:
        """Let go of the logs."""
        for recorder in self.recorders.values():
            recorder.end()


def _emptied(name: str, fate: Fate) -> Engine:
    """The engine of a house's views, or of the vault, as migrated: engines are worth keeping."""
    engine, template, fates = _engine(name)
    connection = engine.raw_connection()
    connection.driver_connection.deserialize(template)  # type: ignore[union-attr]
    connection.close()
    fates[:] = [fate]
    return engine


@cache
def _engine(name: str) -> tuple[Engine, bytes, list[Fate]]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    fates: list[Fate] = []
    if name == "vault":
        Keys(engine).migrate()
    else:
        Views(EventLog(SQLiteLogRecorder(":memory:")), VIEWS[name], engine).migrate()

    @event.listens_for(engine, "commit")
    def committing(_: Any) -> None:
        for fate in fates:
            fate.commit(f"views of {name}" if name in HOUSES else name, MOMENTS[0])

    connection = engine.raw_connection()
    raw: sqlite3.Connection = connection.driver_connection  # type: ignore[assignment]
    template = raw.serialize()
    connection.close()
    return engine, template, fates
