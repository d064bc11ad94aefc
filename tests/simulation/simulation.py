"""One run: a season told and settled by processes that fate lets work, wait and die.

One thread, and one source of chance: the same seed gives the same run to the last byte.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.cli.forgetting import forgotten
from deploy.cli.houses import HOUSES
from services.billing.main import tariff_from
from services.gateway.api.imports import BODIES
from shared.eventstore.lease import HomeBusy
from shared.eventstore.memory import gc_paused
from shared.kernel.errors import Refusal
from shared.messaging.source import BrokerAway
from tests.simulation.broker import SimulatedBroker
from tests.simulation.faults import Fate, Rates
from tests.simulation.inspection import inspected, miscounted
from tests.simulation.processes import Office, WorkerProcess, World
from tests.simulation.season import Notice, Season, SimulatedStep, season
from tests.simulation.stores import Stores

FIRST_CLOSE = date(2026, 12, 30)
"""Documents are dated from here on, a day later per close: in two years, and so in two series."""

TARIFF = tariff_from()


class NeverDone(Exception):
    """The houses do not come to rest, or an ask is never answered."""


@dataclass
class Outcome:
    """What a seed gave: what was wrong, all that happened, and the last link of each log."""

    seed: int
    flaws: list[str]
    said: list[str]
    seals: dict[str, str]


class Simulation:
    """The three houses, their workers (one house has two) and an office, under one fate.

    `is_eager`: asks are made without waiting for what was told. Then where an amount stands
    depends on what was heard, but what is owed in all does not.
    """

    patience = 1_000
    """Turns after which what is still not done counts as never done."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        chance = Random(f"simulation {seed}")
        self.fate = Fate(chance, Rates.drawn(chance), others=self._somebody_works)
        self.season: Season = season(seed)
        self.doubled = chance.choice(HOUSES)
        self.is_eager = chance.random() < 0.2
        shown = chance.sample(HOUSES, chance.choice((0, 1, 3)))
        self.world = World(*self.made(chance), self.fate, shown)
        self.closes = self.tries = self._depth = 0

    def made(self, chance: Random) -> tuple[Stores, SimulatedBroker | None]:
        """The stores, and the transport: a broker in memory, or none if all is embedded."""
        return Stores(self.fate), SimulatedBroker(self.fate) if chance.random() < 0.7 else None

    def run(self) -> Outcome:
        """Do every step of the season, let all come to rest, and inspect the outcome.

        Whatever breaks is a flaw of this seed, to be replayed from it.
        """
        with self.fate.rules(), gc_paused():
            try:
                self._begin()
                for step in self.season.steps:
                    self._do(step)
                self._have_mercy()
                flaws = self._flaws()
            except NeverDone as reason:
                flaws = [f"never done: {reason}"]
            except Exception as reason:
                flaws = [f"broke: {reason!r}", *traceback.format_tb(reason.__traceback__)[-3:]]
            recorders = self.world.stores.recorders
            seals = {name: recorders[name].seal() for name in HOUSES}
        return Outcome(self.seed, flaws, self.fate.said, seals)

    def _have_mercy(self) -> None:
        """Let nothing go wrong any more: restart everything, and let it come to rest."""
        self.fate.merciful = True
        for process in (*self.workers, self.office):
            process.die("is started again")
        self._come_to_rest()

    def _begin(self) -> None:
        self.office = Office("the office", self.world)
        self.workers = [
            WorkerProcess(f"worker {number} of {house}", house, self.world)
            for house in HOUSES
            for number in ((1, 2) if house == self.doubled else (1,))
        ]
        self._until_done(
            "publish", lambda: self.office.home.billing_desk.publish(TARIFF, by="simulation")
        )

    def _somebody_works(self, worker: WorkerProcess | None = None) -> None:
        """Let seconds pass and a worker take a turn; while it works, others may, one level deep."""
        if self._depth == 2:
            return
        self._depth += 1
        fate, broker = self.fate, self.world.broker
        fate.pass_time()
        if broker and broker.late and fate.chance.random() < 0.2:
            broker.write_late()
        if fate.strikes(fate.rates.lease_lost):
            house = fate.chance.choice(HOUSES)
            fate.say(f"the lease of the worker of {house} is lost")
            self.world.stores.working[house].lose()
        worker = worker or fate.chance.choice([w for w in self.workers if not w.is_busy])
        if fate.strikes(fate.rates.crash):
            worker.die("is killed")
        else:
            worker.turn()
        self._depth -= 1

    def _do(self, step: SimulatedStep) -> None:
        for _ in range(self.fate.chance.randrange(3)):
            self._somebody_works()
        what, argument = step
        if step[0] == "tell":
            self._tell(step[1])
            return
        if not self.is_eager or what == "forget":
            self._come_to_rest()
        refusal = self._asked(what, str(argument))
        if refusal and self.is_eager:
            self._come_to_rest()
            self._asked(what, str(argument))
        elif refusal and what != "forget":
            raise NeverDone(f"{what} {argument} is refused: {refusal.sentence}")

    def _tell(self, notice: Notice) -> None:
        """Tell a notice until it is answered, and now and then once more."""
        body = BODIES[notice["kind"]].model_validate(notice["body"])
        key = f"key-{self.tries}" if self.fate.chance.random() < 0.3 else None

        def tell() -> None:
            desk, session = self.office.home.gateway_desk, notice.get("session_id")
            desk.tell(notice["id"], body, by="simulation", session_id=session, key=key)

        for _ in range(2 if self.fate.strikes(self.fate.rates.retold) else 1):
            self._until_done(f"tell {notice['kind']} {notice['id']}", tell)

    def _asked(self, what: str, argument: str) -> Refusal | None:
        """Ask until there is an answer; returns the refusal, if it is one."""
        self.closes += what == "close"
        dated = FIRST_CLOSE + timedelta(days=self.closes)

        def ask() -> None:
            home = self.office.home
            if what == "payout":
                home.billing_desk.settle(date.fromisoformat(argument), by="simulation")
            elif what == "close":
                home.billing_desk.close(argument, dated, by="simulation")
            elif what == "remind":
                home.training_desk.remind(date.fromisoformat(argument), by="simulation")
            else:
                forgotten(home, argument, by="simulation", why="a simulation")

        return self._until_done(f"{what} {argument}", ask)

    def _until_done(self, what: str, attempt: Callable[[], object]) -> Refusal | None:
        """Try until it is answered, as a cron job does; returns the refusal, if it was one."""
        refused: list[Refusal] = []

        def answered() -> None:
            try:
                attempt()
            except (HomeBusy, BrokerAway):
                raise
            except Refusal as refusal:
                refused.append(refusal)

        for _ in range(self.patience):
            self.tries += 1
            if self.office.survives(answered):
                self.fate.say(f"{what}: {refused[0].name if refused else 'done'}")
                return refused[0] if refused else None
            self._somebody_works()
        raise NeverDone(what)

    def _come_to_rest(self) -> None:
        """Let all work until nothing is left to do."""
        for _ in range(self.patience):
            for worker in self.fate.chance.sample(self.workers, len(self.workers)):
                self._somebody_works(worker)
            if all(w.was_idle for w in self.workers) and self.office.survives(self._refuse_unrest):
                return
        raise NeverDone("the workers do not come to rest")

    def _refuse_unrest(self) -> None:
        if not all(worker.is_at_rest for worker in self.workers):
            raise HomeBusy("somebody works")

    def _flaws(self) -> list[str]:
        """What is wrong with the outcome."""
        expected = self.season.expected
        seen = inspected(self.office.home, self.world.broker)
        return [*seen, *miscounted(self.office.home, expected, only_sums=self.is_eager)]
