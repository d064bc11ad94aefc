"""`sale-to-fee`: from telling a distribution to reading its fees at the gateway.

One after the other over HTTP, as people do: PUT the distribution, then read its billing until its
fees are there. Over Kafka each house has processes of its own; embedded, all of them share one.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial

from deploy.bench import notices
from deploy.bench.crowd import Call, Line, percentile, rush
from deploy.bench.deployment import Deployment, deployment
from deploy.bench.grounds import Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe

SALES, FIRST = 60, 10
"""Sales that count, and warm-up sales before them."""
READ_SECONDS = 0.01
"""How often the reader polls: polling without a pause would take a core from the workers."""
WORKERS = ("work gateway", "work billing")
GOALS = {0.5: Goal(at_most=50), 0.99: Goal(at_most=250)}


def trials(scale: float) -> Iterator[Probe]:
    """Embedded, and over Kafka."""
    for world in ("embedded", "kafka"):
        yield Probe(partial(_followed, world=world, scale=scale))


def _followed(grounds: Grounds, world: str, scale: float) -> Measuring:
    with deployment(grounds, embedded=world == "embedded") as deployed:
        port = _served(deployed, world)
        took = asyncio.run(_sales(port, max(2, int(SALES * scale))))
        yield None
    for share, goal in GOALS.items():
        name = f"sale-to-fee/{world}/p{round(share * 100)}"
        yield Figure(name, "ms", percentile(took, share) * 1e3, goal=goal, is_cost=True)


def _served(deployed: Deployment, world: str) -> int:
    port, _ = deployed.serve("serve" if world == "embedded" else "serve gateway")
    for words in WORKERS if world == "kafka" else ():
        deployed.start(words)
    asyncio.run(rush([port], notices.before(), 1))
    return port


async def _sales(port: int, count: int) -> list[float]:
    line = await Line.to(port)
    took = [await _sale(line, number) for number in range(FIRST + count)]
    line.close()
    return took[FIRST:]


async def _sale(line: Line, number: int) -> float:
    call = notices.distribution(number)
    began = time.perf_counter()
    await line.made(call)
    while not _has_fees(*await line.answered(Call("GET", f"{call.path}/billing"))):
        await asyncio.sleep(READ_SECONDS)
    return time.perf_counter() - began


def _has_fees(status: int, body: bytes) -> bool:
    if status == 404:
        return False  # the gateway's own view does not show it yet
    producers = json.loads(body)["producers"]
    return bool(producers) and all(producer["fees"] for producer in producers)
