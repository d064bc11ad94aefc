"""A season lived by processes that die at chosen points, each just before or after a commit.

Each commit is a step, named by its house and what it does. A process continues the season where the
last one stopped, and kills itself at the next chosen point; then the next process goes on.
Run in a process of its own by `test_crash_points.py`; the product knows nothing of it.
"""

import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Engine, event

from deploy.cli.deployed import deployed
from deploy.cli.embedded import embedded
from deploy.cli.exporting import EXPORTS, as_csv
from deploy.cli.forgetting import forgotten
from deploy.cli.home import Home
from deploy.cli.houses import HEARS
from services.gateway.api.imports import BODIES
from shared.eventstore.asks import Asked
from shared.eventstore.recorder import LogRecorder, Row, Step
from shared.messaging.embedded import EmbeddedSource
from shared.settings import Settings
from tests.simulation.inspection import inspected
from tests.simulation.season import SimulatedStep
from tests.support.world import LATER

WRITES = ("INSERT", "UPDATE", "DELETE")


class Point(NamedTuple):
    """Where to die: the step, which occurrence of it (from 1), and whether before or after it."""

    step: str
    time: int
    is_after: bool


@dataclass
class Life:
    """What outlives a process: how far the season is, the steps taken, the deaths to come."""

    file: Path
    steps: Sequence[SimulatedStep]
    done: int
    happened: list[str]
    due: list[Point]

    def keep(self) -> None:
        """Write it to its file, whole or not at all."""
        fresh = self.file.with_suffix(".fresh")
        fresh.write_bytes(msgspec.json.encode([self.done, self.happened, self.due]))
        fresh.replace(self.file)

    @classmethod
    def kept(cls, file: Path, steps: Sequence[SimulatedStep]) -> "Life":
        """Load what an earlier process kept."""
        done, happened, due = json.loads(file.read_bytes())
        return cls(file, steps, done, happened, [Point(*point) for point in due])

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A durable step; the process may die before it or after it."""
        time = self.happened.count(name) + 1
        self._die_at(Point(name, time, is_after=False))
        yield
        self.happened.append(name)
        self._die_at(Point(name, time, is_after=True))

    def _die_at(self, point: Point) -> None:
        if point in self.due:
            self.due.remove(point)
            self.keep()
            os.kill(os.getpid(), signal.SIGKILL)


def home_of(settings: Settings) -> Home:
    """The home on SQLite files, or on PostgreSQL with its logs read directly: no broker."""
    if settings.database_url is None:
        return embedded(settings)
    home = deployed(settings)
    by_name = {house.name: house for house in home.houses}
    workers = {
        name: replace(
            worker, relay=None, source=EmbeddedSource([by_name[speaker] for speaker in HEARS[name]])
        )
        for name, worker in home.workers.items()
    }
    return replace(home, workers=workers, patience_seconds=None)


def live(settings: Settings, file: Path, steps: Sequence[SimulatedStep], out: Path) -> None:
    """Live a season to its end: after each death, a new process forked from this one goes on."""
    while True:
        child = os.fork()
        if child == 0:
            try:
                _live(settings, file, steps, out)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            sys.exit(code)


def _live(settings: Settings, file: Path, steps: Sequence[SimulatedStep], out: Path) -> None:
    """Go on until the next death, or to the end, and then write what came out."""
    life, home = Life.kept(file, steps), home_of(settings)
    for house in home.houses:
        _watch_log(house.name, house.log.recorder, life)
        _watch_views(f"{house.name}: views", home.views[house.name].engine, life)
    _watch_views("vault: keys", home.vault.keys._engine, life)
    while life.done < len(steps):
        _do(home, steps[life.done])
        life.done += 1
    life.keep()
    said = {what: as_csv(*make(home.views["billing"], LATER)) for what, make in EXPORTS.items()}
    out.write_text(json.dumps({**said, "flaws": list(inspected(home, None))}))
    home.close()


def _watch_log(house: str, recorder: LogRecorder, life: Life) -> None:
    append = recorder.append

    def watched(
        rows: Sequence[Row], steps: Sequence[Step] = (), tags: Sequence[tuple[str, UUID]] = ()
    ) -> list[int]:
        with life.step(f"{house}: {_named(rows, steps)}"):
            return append(rows, steps, tags)

    recorder.append = watched  # type: ignore[method-assign]


def _named(rows: Sequence[Row], steps: Sequence[Step]) -> str:
    asked = [row for row in rows if row.topic == Asked.Made.TOPIC]
    if asked:
        return str(json.loads(asked[0].state)["use_case"])
    return "hears " + ", ".join(sorted({step.name.partition("/")[0] for step in steps}))


def _watch_views(name: str, engine: Engine, life: Life) -> None:
    """Make a step of every commit that wrote; it is over once its connection is given back."""
    under_way: list[Any] = []
    wrote = Counter[str]()

    @event.listens_for(engine, "before_cursor_execute")
    def executing(*args: Any) -> None:
        wrote["rows"] += args[2].startswith(WRITES)

    @event.listens_for(engine, "commit")
    def committing(_: Any) -> None:
        if wrote.pop("rows", 0):
            under_way.append(life.step(name))
            under_way[-1].__enter__()

    @event.listens_for(engine, "checkin")
    def given_back(*_: Any) -> None:
        while under_way:
            under_way.pop().__exit__(None, None, None)


def _do(home: Home, step: SimulatedStep) -> None:
    """Do one step and all that follows from it; idempotent."""
    home.caught_up()
    what, argument = step
    if step[0] == "tell":
        notice = step[1]
        body, session = (
            BODIES[notice["kind"]].model_validate(notice["body"]),
            notice.get("session_id"),
        )
        home.gateway_desk.tell(notice["id"], body, by="test", session_id=session)
    elif what == "payout":
        home.billing_desk.settle(date.fromisoformat(str(argument)), by="test")
    elif what == "close":
        home.billing_desk.close(str(argument), LATER, by="test")
    elif what == "remind":
        home.training_desk.remind(date.fromisoformat(str(argument)), by="test")
    else:
        forgotten(home, str(argument), by="test", why="a test")
    home.caught_up()
