"""What a bench is made of, and how it is measured: in turns, round after round, by the median."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.bench.grounds import Ground, Grounds

Turn = Callable[[], int]
"""Does the work once; returns how many units it was."""

ROUNDS = 5


class Goal(NamedTuple):
    """What a figure should reach: a multiple of the baseline, and bounds in its own unit."""

    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        words = [f"ratio ≥ {self.ratio:g}"] if self.ratio else []
        words += [f"ours ≥ {self.at_least:g}"] if self.at_least else []
        words += [f"ours ≤ {self.at_most:g}"] if self.at_most else []
        return ", ".join(words)

    def met(self, figure: "Figure") -> bool:
        """Whether a figure reaches it."""
        is_enough = self.ratio is None or (figure.ratio is not None and figure.ratio >= self.ratio)
        is_much = self.at_least is None or figure.ours >= self.at_least
        return is_enough and is_much and (self.at_most is None or figure.ours <= self.at_most)


class Turns(NamedTuple):
    """The work of each contender; one without work does not take part."""

    ours: Turn
    baseline: Turn | None = None
    limit: Turn | None = None


NO_GOAL = Goal()


@dataclass(frozen=True)
class Figure:
    """What was measured for each, in the same unit. Of a cost (seconds, bytes), less is better."""

    name: str
    unit: str
    ours: float
    baseline: float | None = None
    limit: float | None = None
    goal: Goal = NO_GOAL
    is_cost: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times as good as the baseline."""
        return self._times(self.baseline)

    @property
    def of_limit(self) -> float | None:
        """The share reached of what the database, or a bare loop, can do at most."""
        return self._times(self.limit)

    def _times(self, other: float | None) -> float | None:
        if not other or not self.ours:
            return None
        return other / self.ours if self.is_cost else self.ours / other

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _short(self.ours),
            "baseline": _short(self.baseline),
            "limit": _short(self.limit),
            "ratio": _short(self.ratio),
            "of_limit": _short(self.of_limit),
            "goal": str(self.goal) or None,
            "met": self.goal.met(self) if any(self.goal) else None,
        }


Measuring = Iterator[Figure | None]
"""Figures as they are found; None for each step without one."""


@dataclass(frozen=True)
class Trial:
    """One thing done by up to three contenders in turns; `unit` is what is counted, as a rate.

    `prepare` sets up their turns on a kind of database; it is not measured.
    """

    name: str
    unit: str
    database: str
    prepare: Callable[[Ground], Turns]
    goal: Goal = NO_GOAL
    brief: int = 1
    """Multiplies the rounds where a turn takes some ms, because the machine's own pace varies."""

    def measured(self, grounds: Grounds, rounds: int) -> Measuring:
        """Let the contenders take turns; the first of each fills caches and is not counted."""
        with grounds.on(self.database) as ground:
            turns = _present(self.prepare(ground))
            rates: dict[str, list[float]] = {name: [] for name, _ in turns}
            for _, turn in turns:
                turn()
            for number in range(rounds * self.brief):
                first = number % len(turns)
                for name, turn in turns[first:] + turns[:first]:
                    rates[name].append(_rate(turn))
                yield None
        medians = {name: statistics.median(found) for name, found in rates.items()}
        baseline, limit = medians.get("baseline"), medians.get("limit")
        unit = f"{self.unit}/s"
        yield Figure(self.name, unit, medians["ours"], baseline, limit, self.goal)


@dataclass(frozen=True)
class Probe:
    """What is not measured in turns: a latency, a cost, a backlog."""

    look: Callable[[Grounds], Measuring]

    def measured(self, grounds: Grounds, _: int) -> Measuring:
        """Measure once."""
        return self.look(grounds)


def _present(turns: Turns) -> list[tuple[str, Turn]]:
    return [(name, turn) for name, turn in turns._asdict().items() if turn]


def _rate(turn: Turn) -> float:
    began = time.perf_counter()
    done = turn()
    return done / (time.perf_counter() - began)


def _short(number: float | None) -> float | int | None:
    """A figure without meaningless digits."""
    if number is None:
        return None
    return round(number) if number >= 100 else round(number, 2)
