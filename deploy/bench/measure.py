"""What a bench is made of, and how it is measured: in turns, round after round, by the median."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.bench.grounds import Ground, Grounds

Turn = Callable[[], int]
"""Does the work once; how many things it was."""

ROUNDS = 5


class Goal(NamedTuple):
    """What a figure should reach: so many times the baseline, and so much in its own unit."""

    ratio: float | None = None
    ours: int | None = None

    def __str__(self) -> str:
        words = [f"ratio ≥ {self.ratio:g}"] if self.ratio else []
        words += [f"ours ≥ {self.ours}"] if self.ours else []
        return ", ".join(words)

    def met(self, figure: "Figure") -> bool:
        """Whether a figure reaches it."""
        enough = self.ratio is None or (figure.ratio is not None and figure.ratio >= self.ratio)
        return enough and (self.ours is None or figure.ours >= self.ours)


class Turns(NamedTuple):
    """The work of each contender; who has none does not take part."""

    ours: Turn
    baseline: Turn | None = None
    limit: Turn | None = None


NO_GOAL = Goal()


@dataclass(frozen=True)
class Trial:
    """One thing done by three contenders. `unit` is what is counted: a rate is so many a second.

    `prepare` makes their turns ready on a kind of database; it is not measured.
    """

    name: str
    unit: str
    database: str
    prepare: Callable[[Ground], Turns]
    goal: Goal = NO_GOAL


@dataclass(frozen=True)
class Figure:
    """What a trial came to: rates, each in its unit a second, and what they are to each other."""

    name: str
    unit: str
    ours: float
    baseline: float | None
    limit: float | None
    goal: Goal

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the baseline."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def of_limit(self) -> float | None:
        """Which part of what the database, or a bare loop, gives at all."""
        return self.ours / self.limit if self.limit else None

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            "name": self.name,
            "unit": f"{self.unit}/s",
            "ours": _short(self.ours),
            "baseline": _short(self.baseline),
            "limit": _short(self.limit),
            "ratio": _short(self.ratio),
            "of_limit": _short(self.of_limit),
            "goal": str(self.goal) or None,
            "met": self.goal.met(self) if any(self.goal) else None,
        }


def measured(trial: Trial, grounds: Grounds, rounds: int = ROUNDS) -> Iterator[Figure | None]:
    """Let the contenders of a trial take turns: None after every round, at the end the figure."""
    with grounds.on(trial.database) as ground:
        turns = trial.prepare(ground)
        rates: dict[str, list[float]] = {name: [] for name, turn in _present(turns)}
        for _, turn in _present(turns):
            turn()  # the first turn fills caches and is not counted
        for number in range(rounds):
            order = _present(turns)
            for name, turn in order[number % len(order) :] + order[: number % len(order)]:
                rates[name].append(_rate(turn))
            yield None
    medians = {name: statistics.median(found) for name, found in rates.items()}
    baseline, limit = medians.get("baseline"), medians.get("limit")
    yield Figure(trial.name, trial.unit, medians["ours"], baseline, limit, trial.goal)


def _present(turns: Turns) -> list[tuple[str, Turn]]:
    return [(name, turn) for name, turn in turns._asdict().items() if turn]


def _rate(turn: Turn) -> float:
    began = time.perf_counter()
    done = turn()
    return done / (time.perf_counter() - began)


def _short(number: float | None) -> float | int | None:
    """A figure without digits that say nothing."""
    if number is None:
        return None
    return round(number) if number >= 100 else round(number, 2)
