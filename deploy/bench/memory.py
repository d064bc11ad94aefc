"""`memory`: what three houses have in memory once they have taken in the season.

Embedded they are one process, `cagette serve`. Deployed they are five: two doors, three workers.
Memory that processes share is divided among them (PSS).
"""

import asyncio
from collections.abc import Iterator
from functools import partial

from deploy.bench.crowd import Call, rush
from deploy.bench.deployment import Deployment, deployment
from deploy.bench.grounds import Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe
from deploy.bench.season import season
from deploy.bench.usage import memory_bytes
from deploy.cli.services import DOORS_AND_WORKERS
from deploy.cli.telling import imported

GOAL = Goal(at_most=400)


def trials(scale: float) -> Iterator[Probe]:
    """Embedded, and deployed."""
    for world in ("embedded", "deployed"):
        yield Probe(partial(_measured, world=world, scale=scale))


def _measured(grounds: Grounds, world: str, scale: float) -> Measuring:
    with deployment(grounds, embedded=world == "embedded") as deployed:
        pids = _at_work(deployed, scale)
        yield None
        megabytes = sum(map(memory_bytes, pids)) / 1e6
    yield Figure(f"memory/{world}", "MB", megabytes, goal=GOAL, is_cost=True)


def _at_work(deployed: Deployment, scale: float) -> list[int]:
    """The processes, once all houses have heard and shown the season and a page has been read."""
    if deployed.home.is_embedded:
        imported(deployed.home, season(scale), by="bench")
        port, door = deployed.serve()
        pids = [door.pid]
    else:
        port, door = deployed.serve("serve gateway")
        pids = [door.pid, *(deployed.start(words).pid for words in DOORS_AND_WORKERS)]
        imported(deployed.home, season(scale), by="bench")
        deployed.home.caught_up()
    asyncio.run(rush([port], [Call("GET", "/v1/producers?limit=200")], 1))
    return pids
