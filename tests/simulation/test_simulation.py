"""Seasons under seeded faults: nothing lost, nothing doubled, no cent wrong, no gap.

`make simulate` runs as many more as one likes. A seed that fails is replayed step by step by
`make simulate ARGS="--seed 123"`.
"""

from collections.abc import Sequence
from random import Random
from uuid import UUID

import pytest

from shared.eventstore.recorder import Row, Step
from tests.simulation.broker import Sent, SimulatedBroker
from tests.simulation.simulation import Simulation
from tests.simulation.stores import FallibleRecorder, Stores

SEEDS = 25
"""Per test; the first run in a process takes as long as ten more."""


@pytest.mark.parametrize("portion", range(8))
def test_no_fault_costs_a_fact_a_cent_or_a_number(portion: int) -> None:
    for seed in range(portion * SEEDS, (portion + 1) * SEEDS):
        assert Simulation(seed).run().flaws == [], f"seed {seed}"


def test_a_seed_gives_the_same_run_to_the_last_byte() -> None:
    one, other = Simulation(3).run(), Simulation(3).run()
    assert one == other
    assert all(one.seals.values())
    assert one.seals != Simulation(4).run().seals


class LosingBroker(SimulatedBroker):
    """Acknowledges its tenth record and does not keep it."""

    writes = 0

    def write(self, sent: Sent) -> None:
        self.writes += 1
        if self.writes != 10:
            super().write(sent)


class SwappingBroker(SimulatedBroker):
    """Writes what came together backwards, even under one key."""

    def take(self, batch: Sequence[Sent]) -> bool:
        return super().take(batch[::-1])


class ForgetfulRecorder(FallibleRecorder):
    """Keeps the events but not the positions heard."""

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        heard = {step.name: step.position for step in steps if "/" in step.name}
        written = super().append(rows, steps, tags)
        for name in heard.keys() & self._positions.keys():
            del self._positions[name]
        return written


class TornRecorder(FallibleRecorder):
    """Keeps the positions heard, but not the last of the events."""

    def append(
        self,
        rows: Sequence[Row],
        steps: Sequence[Step] = (),
        tags: Sequence[tuple[str, UUID]] = (),
    ) -> list[int]:
        is_torn = self._house == "billing" and len(rows) > 3 and not self._fate.merciful
        return super().append(rows[:-1] if is_torn else rows, steps, tags)


class Spoilt(Simulation):
    """A run on a broker, or on stores, that break their promises."""

    patience = 150

    broker: type[SimulatedBroker] = SimulatedBroker
    recorder: type[FallibleRecorder] = FallibleRecorder

    def made(self, chance: Random) -> tuple[Stores, SimulatedBroker]:
        stores = Stores(self.fate)
        stores.recorders = {name: self.recorder(name, self.fate) for name in stores.recorders}
        return stores, self.broker(self.fate)


@pytest.mark.parametrize("spoilt", [LosingBroker, SwappingBroker, ForgetfulRecorder, TornRecorder])
def test_a_broken_promise_of_broker_or_store_is_seen_by_the_first_seeds(spoilt: type) -> None:
    class Run(Spoilt):
        broker = spoilt if issubclass(spoilt, SimulatedBroker) else SimulatedBroker
        recorder = spoilt if issubclass(spoilt, FallibleRecorder) else FallibleRecorder

    assert any(Run(seed).run().flaws for seed in range(3))
