"""`rebuild`: every view of every house, rebuilt from the logs of the season.

Ours is `rebuilt`, in memory as in `cagette verify` and `replay views`, with every row sorted for
comparison. The fold alone makes the same rows from the same logs and keeps none: it too fetches
every event, and decodes it as far as some view reads it. The baseline reads events with the library
and writes a row and its position for each, as the library's projections do.
"""

import time
from collections.abc import Iterator
from statistics import median

from deploy.bench import library
from deploy.bench.deployment import Deployment, deployment
from deploy.bench.grounds import SQLITE, Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe
from deploy.bench.raw import projected
from deploy.bench.season import season
from deploy.cli.houses import HOUSES, VIEWS
from deploy.cli.telling import imported
from shared.eventstore.folding import PAGE, folded
from shared.eventstore.rebuilt import rebuilt

MILLION = 1_000_000
PLAIN, STREAM = 2_000, 50
ROUNDS = 5
"""Rounds, of which the median counts: each takes less than half a second."""


def trials(scale: float) -> Iterator[Probe]:
    """From the logs of all three houses."""
    yield Probe(lambda grounds: _rebuilt(grounds, scale))


def _rebuilt(grounds: Grounds, scale: float) -> Measuring:
    with deployment(grounds, embedded=True) as deployed:
        imported(deployed.home, season(scale), by="bench")
        yield None
        events = sum(house.log.head() for house in deployed.home.houses)
        rounds = [(_made_again(deployed), _folded(deployed)) for _ in range(ROUNDS)]
        rebuilding, folding = map(median, zip(*rounds, strict=True))
        yield None
    plain = _projected(grounds, max(STREAM, int(PLAIN * scale)))
    costs = (rebuilding / events * MILLION, plain * MILLION)
    goal = Goal(at_most=12)
    yield Figure(f"rebuild/{SQLITE}", "s a million events", *costs, goal=goal, is_cost=True)
    goal = Goal(at_least=300_000)
    yield Figure(f"rebuild/{SQLITE}/fold", "events/s", events / folding, goal=goal)


def _made_again(deployed: Deployment) -> float:
    began = time.perf_counter()
    for house in HOUSES:
        live = deployed.home.views[house]
        made = rebuilt(live.log, VIEWS[house])
        for table in live.tables:
            made.rows(table)
    return time.perf_counter() - began


def _folded(deployed: Deployment) -> float:
    began = time.perf_counter()
    for house in HOUSES:
        for _ in folded(deployed.home.views[house].log, VIEWS[house]):
            pass
    return time.perf_counter() - began


def _projected(grounds: Grounds, events: int) -> float:
    """The baseline's seconds per event."""
    with grounds.on(SQLITE) as ground:
        application = ground.plain()
        for _ in range(events // STREAM):
            application.save(library.account(STREAM - 1))
        began = time.perf_counter()
        count = projected(ground.folder / "view.sqlite", library.events(application, PAGE))
        return (time.perf_counter() - began) / count
