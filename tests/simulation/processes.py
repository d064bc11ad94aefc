"""The processes of a run: workers, and an office that tells and asks. Each can die and restart.

All that a process knows is in its own objects, rebuilt at every start over stores that last.
"""

import inspect
from collections.abc import Callable, Collection, Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from eventsourcing.persistence import IntegrityError

from deploy.cli.hearing import WORTH_WAITING
from deploy.cli.home import Home
from deploy.cli.houses import HEARS, HOUSES, VIEWS
from services.billing import main as billing
from services.gateway import main as gateway
from services.training import main as training
from shared.eventstore.log import EventLog
from shared.eventstore.views import Views
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.house import House
from shared.messaging.worker import Worker
from shared.vault.keys import Keys
from shared.vault.vault import Vault
from tests.simulation.broker import SimulatedBroker, SimulatedRelay, SimulatedSource
from tests.simulation.faults import Crashed, Fate
from tests.simulation.stores import SimulatedLease, Stores

BUILD: dict[str, Callable[[EventLog, SimulatedLease], House[Any]]] = {
    "gateway": gateway.build,
    "training": training.build,
    "billing": billing.build,
}


class ShortPages(EmbeddedSource):
    """The embedded transport, giving less at a time than it could."""

    PAGE = 20


@dataclass
class World:
    """What all processes share: the stores, the transport (embedded without a broker), and fate.

    Houses that are not in `shown` show nothing before fate is merciful: views cost most of a run.
    """

    stores: Stores
    broker: SimulatedBroker | None
    fate: Fate
    shown: Collection[str]


class Process:
    """A process with the houses as it sees them; `name` is for the record of the run."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.start()

    def start(self) -> None:
        """Begin, knowing nothing but what is stored."""
        stores = self.world.stores
        self.houses = {
            name: BUILD[name](EventLog(stores.recorders[name]), stores.writing[name])
            for name in HOUSES
        }

    def worker_of(self, name: str) -> Worker:
        """The worker of a house, as this process would run it."""
        broker, house, stores = self.world.broker, self.houses[name], self.world.stores
        if broker is None:
            source: Any = ShortPages([self.houses[speaker] for speaker in HEARS[name]])
        else:
            source = SimulatedSource(broker, HEARS[name]) if HEARS[name] else None
        return Worker(
            house=house,
            lease=stores.working[name],
            relay=SimulatedRelay(broker, house) if broker else None,
            source=source,
            views=Views(house.log, VIEWS[name], stores.engines[name]),
        )

    def survives(self, work: Callable[[], object]) -> bool:
        """Do some work; returns whether it finished. A process that dies of it is restarted.

        Only what a real process waits for, or dies of, is caught: anything else is a flaw.
        """
        fate = self.world.fate
        try:
            work()
        except (Crashed, IntegrityError) as reason:
            self.die(f"dies of {type(reason).__name__}")
        except WORTH_WAITING as reason:
            fate.say(f"{self.name} waits: {type(reason).__name__}")
        else:
            return True
        return False

    def die(self, how: str) -> None:
        """End at once, and start again."""
        self.world.fate.say(f"{self.name} {how}")
        self.start()


class WorkerProcess(Process):
    """Keeps one house going, a few steps a turn."""

    def __init__(self, name: str, house: str, world: World) -> None:
        self.house = house
        super().__init__(name, world)

    def start(self) -> None:
        """Begin, with nothing under way."""
        super().start()
        worker = self.worker_of(self.house)
        is_shown = self.house in self.world.shown or self.world.fate.merciful
        self.worker = worker if is_shown else replace(worker, views=None)
        self._steps: Generator[int, None, None] | None = None
        self.is_busy = False
        self._idle_at = -1

    @property
    def was_idle(self) -> bool:
        """Whether it found nothing to do, and nothing has changed."""
        return self._idle_at == self.world.fate.changes

    def turn(self) -> None:
        """Take some steps; none if it had nothing to do and nothing has changed."""
        if self.was_idle:
            return
        self.is_busy = True
        if not self.survives(self._some_steps):
            self._steps = None
        self.is_busy = False

    def die(self, how: str) -> None:
        """End in the middle of its steps; its lease ends with it."""
        steps, self._steps = self._steps, None
        if steps and not self.is_busy:
            steps.close()
        super().die(how)

    def _some_steps(self) -> None:
        is_new, changes = self._steps is None, self.world.fate.changes
        self._steps = self._steps or self._work()
        for done in islice(self._steps, self.world.fate.chance.choice((1, 2, 8))):
            is_new = False
            self.world.fate.say(f"{self.name} did {done}")
        if inspect.getgeneratorstate(self._steps) == inspect.GEN_CLOSED:
            self._steps = None
            self._idle_at = changes if is_new else -1

    def _work(self) -> Generator[int, None, None]:
        with self.worker.lease.held():
            yield from self.worker.steps()

    @property
    def is_at_rest(self) -> bool:
        """Whether it has nothing under way and nothing to do."""
        return self._steps is None and self.worker.is_done()


class Office(Process):
    """Where notices come in and asks are made: the doors and the commands."""

    def start(self) -> None:
        """Begin; the home is put together when first used."""
        super().start()
        with suppress(AttributeError):
            del self.home

    @cached_property
    def home(self) -> Home:
        """The home as commands have it."""
        stores, houses = self.world.stores, self.houses
        workers = {name: self.worker_of(name) for name in HOUSES}
        views = {
            name: Views(houses[name].log, VIEWS[name], stores.engines[name]) for name in HOUSES
        }
        vault = Vault(Keys(stores.engines["vault"]), clock=self.world.fate.seconds)
        return Home(
            folder=Path(),
            by_name=houses,
            engines=stores.engines,
            views=views,
            workers=workers,
            webhooks_lease=SimulatedLease(),
            vault=vault,
        )
