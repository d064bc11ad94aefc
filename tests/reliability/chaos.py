"""Kill -9 any process, the broker and PostgreSQL, while a season is told and settled.

    python -m tests.reliability.chaos --kills 200 --seed 1

`make chaos` exits with 1 if an independent recount or `cagette verify` finds anything lost, doubled
or wrong by a cent; `make test` does the same with ten kills. A seed fixes the season, victims and
moments; what a victim is doing at its moment is left to chance.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from random import Random

import httpx2 as httpx

from tests.support.hard_season import hard_season
from tests.support.processes import (
    ALL,
    BILLED,
    Deployment,
    Servers,
    asking,
    beginning,
    exported,
    servers_of_its_own,
    tell,
)
from tests.support.recount import Bills, Step, recount
from tests.support.world import billed

COMMAND = "the command that asks"
VICTIMS = (*ALL, "kafka", "postgres", COMMAND)
FIRST_CLOSE = date(2026, 12, 31)
"""Documents are dated from here on, a day later per close: in two years, and so in two series."""
PATIENCE_SECONDS = 90
GAPS, BACKWARDS = "the numbers of {} have gaps", "a later number is dated earlier"
TELLING_SECONDS = 0.5
"""Within this time the victims of a portion are killed; it is told halfway through."""
AGAIN = 3
"""How many earlier notices are told again with every portion."""


@dataclass(frozen=True)
class Move:
    """What is told together, or one ask, and what is killed meanwhile."""

    steps: Sequence[Step]
    victims: Sequence[str]


def planned(steps: Sequence[Step], kills: int, chance: Random) -> list[Move]:
    """The steps in order, with exactly that many kills, about half of them during the asks.

    While a portion of the notices is told, up to three victims are down at once.
    """
    asks = sum(step[0] != "tell" for step in steps)
    each = max(1, kills // 2 // asks)
    telling, notices = kills - asks * each, len(steps) - asks
    portions = (telling + 2) // 3
    moves: list[Move] = []
    deck: list[str] = []
    killed = told = 0
    for is_tell, group in groupby(steps, key=lambda step: step[0] == "tell"):
        if not is_tell:
            moves += [Move([ask], _drawn(deck, chance, each, [])) for ask in group]
            continue
        numbered = [((told + n) * portions // notices, step) for n, step in enumerate(group)]
        told += len(numbered)
        for number, part in groupby(numbered, key=lambda pair: pair[0]):
            due = (number + 1) * telling // portions
            victims = _drawn(deck, chance, due - killed, [COMMAND])
            moves.append(Move([step for _, step in part], victims))
            killed = due
    return moves


def _drawn(deck: list[str], chance: Random, count: int, spared: Sequence[str]) -> list[str]:
    """The next victims, all different: none comes up again before each came up once."""
    drawn: list[str] = []
    while len(drawn) < count:
        fitting = [victim for victim in deck if victim not in (*drawn, *spared)]
        if fitting:
            deck.remove(fitting[0])
            drawn.append(fitting[0])
        else:
            deck += chance.sample(VICTIMS, len(VICTIMS))
    return drawn


@dataclass
class Chaos:
    """Does the moves of a plan and kills their victims."""

    servers: Servers
    chance: Random
    killed: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    told: list[Step] = field(default_factory=list)
    closes: int = 0
    lasted: deque[float] = field(default_factory=lambda: deque([1.5], maxlen=5))
    """Seconds that the last asks took: the next one's victims are killed within the shortest."""

    def do(self, moves: Iterable[Move]) -> None:
        """Do them in turn, retrying each until it is done."""
        for move in moves:
            is_tell = move.steps[0][0] == "tell"
            seconds = TELLING_SECONDS if is_tell else min(self.lasted)
            moments = {victim: self.chance.random() * seconds for victim in move.victims}
            work = self._telling(move.steps) if is_tell else self._asking(move.steps[0], moments)
            with ThreadPoolExecutor(1) as beside:
                doing = beside.submit(work)
                self._crash({victim: moments[victim] for victim in moments if victim != COMMAND})
                doing.result()

    def _crash(self, moments: Mapping[str, float]) -> None:
        """Kill each at its moment, then restart them all.

        On this thread only: a server ends with the thread that started it.
        """
        began = time.monotonic()
        for victim in sorted(moments, key=moments.__getitem__):
            time.sleep(max(0.0, began + moments[victim] - time.monotonic()))
            self.servers.kill(victim)
            self.killed[victim] += 1
        for victim in moments:
            self.servers.start(victim)

    def _telling(self, steps: Sequence[Step]) -> Callable[[], None]:
        again = self.chance.sample(self.told, min(AGAIN, len(self.told)))
        self.told += steps
        notices = [*again, *steps]

        def work() -> None:
            time.sleep(TELLING_SECONDS / 2)
            self._until_done("tell", lambda: tell(self.servers.deployment, notices))

        return work

    def _asking(self, step: Step, moments: Mapping[str, float]) -> Callable[[], None]:
        words = asking(step, FIRST_CLOSE + timedelta(days=self.closes))
        self.closes += step[0] == "close"

        def work() -> None:
            if COMMAND in moments:
                self._kill_command(words, moments[COMMAND])
            self._until_done("ask", lambda: self._ask(words))

        return work

    def _kill_command(self, words: Sequence[str], seconds: float) -> None:
        """Kill the command while it works; if it ends first, run it again and kill it sooner."""
        process = self.servers.deployment.begin(*words)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.killed[COMMAND] += 1
        else:
            self._kill_command(words, seconds / 2)

    def _ask(self, words: Sequence[str]) -> None:
        began = time.monotonic()
        done = self.servers.deployment.run(*words)
        if done.returncode:
            raise ValueError(done.stderr)
        self.lasted.append(time.monotonic() - began)

    def _until_done(self, what: str, attempt: Callable[[], None]) -> None:
        """Retry until it is done, as a cron job does.

        A process that starts while the database is away ends; `revive` restarts it.
        """
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.tries[what] += 1
            try:
                attempt()
            except (AssertionError, httpx.HTTPError, ValueError):
                if time.monotonic() > give_up:
                    raise
                self.servers.deployment.revive()
                time.sleep(0.2)
            else:
                return


def wrong(deployment: Deployment, steps: Sequence[Step]) -> list[str]:
    """What differs from the independent model or breaks the numbering; nothing when all is well.

    Also whether a subscriber of billing's topic counts the same fees, and what left a traceback.
    """
    expected = recount(steps)
    fees, documents, transfers = (exported(deployment, what) for what in BILLED)
    found = [*differences(billed(fees, documents, transfers), expected)]
    found += flaws_of_numbers(documents)
    months: Counter[tuple[str, str]] = Counter()
    for slot, cents in expected.by_slot.items():
        producer, _, _, month, _ = slot.split("|")
        months[producer, month] += cents
    if deployment.subscribed() != {key: cents for key, cents in months.items() if cents}:
        found.append("a subscriber counts other fees")
    return found + [f"{name} broke" for name in ALL if "Traceback" in deployment.said(name)]


def differences(bills: Bills, expected: Bills) -> Iterator[str]:
    """Each amount that differs, by its place."""
    for kind, theirs in asdict(expected).items():
        ours = asdict(bills)[kind]
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield f"{kind} {key}: {ours.get(key)}, not {theirs.get(key)}"


def flaws_of_numbers(documents: Sequence[Mapping[str, str]]) -> list[str]:
    """Gaps, and steps back in time, in the series of each year."""
    found = []
    series = sorted(documents, key=lambda document: document["number"])
    for year, rows in groupby(series, key=lambda document: document["issued_on"][:4]):
        numbered = list(rows)
        wanted = [f"F{year}-{number:06}" for number in range(1, len(numbered) + 1)]
        if [document["number"] for document in numbered] != wanted:
            found.append(GAPS.format(year))
    days = [document["issued_on"] for document in series]
    return found + ([BACKWARDS] if days != sorted(days) else [])


def verified(deployment: Deployment) -> "subprocess.CompletedProcess[str]":
    """The audit, once every process has stopped."""
    for name in ALL:
        deployment.stop(name)
    return deployment.run("verify")


def main() -> int:
    """Run the chaos and print the outcome."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    chance = Random(chosen.seed)
    every = sum(step[0] != "tell" for step in hard_season(chosen.seed))
    asks = max(1, min(every, chosen.kills // 2))
    steps = beginning(chosen.seed, asks)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, servers_of_its_own(Path(home) / "d") as servers:
        chaos = Chaos(servers, chance)
        chaos.do(planned(steps, chosen.kills, chance))
        flaws = wrong(servers.deployment, steps)
        audit = verified(servers.deployment)
    expected = recount(steps)
    alone = servers.deployment.revived - sum(chaos.killed[name] for name in ALL)
    print(f"{chaos.killed.total()} kills: {dict(sorted(chaos.killed.items()))}")
    print(f"started again because they found no database when they started: {alone}")
    print(f"{len(chaos.told)} notices and {asks} asks, done in {dict(chaos.tries)} tries")
    print(
        f"{len(expected.fees)} fees, {len(expected.transfers)} transfers, "
        f"{len(expected.documents)} documents, {int(time.monotonic() - began)} s: "
        + ("\n".join(flaws) or "as the independent recount says")
    )
    print(audit.stdout.strip())
    return 1 if flaws else audit.returncode


if __name__ == "__main__":
    sys.exit(main())
