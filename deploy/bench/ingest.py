"""`ingest` and `ingest-latency`: distributions of 25 lines told over HTTP, durable on PostgreSQL.

Two doors, 64 connections, a key, the whole body checked, an answer once it is committed. The
baseline does the same job with the library's defaults on FastAPI, one save per line
(`plain_door.py`). CPU is that of the doors and the database together, without the callers.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.bench import notices
from deploy.bench.crowd import Call, percentile, rush, stream
from deploy.bench.deployment import KEY, START_SECONDS, deployment
from deploy.bench.grounds import POSTGRES, Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe
from deploy.bench.raw import server
from deploy.bench.usage import TICK, cpu_seconds, family
from deploy.local.processes import answers, free_port, start

CONNECTIONS, DOORS = 64, 2
OURS, PLAIN = 400, 60
"""Distributions told to ours, and to the baseline."""

PER_SECOND, SECONDS = 40, 8
Doors = tuple[Sequence[int], Sequence[int]]
"""Ports, and the processes behind them."""


def trials(scale: float) -> Iterator[Probe]:
    """Told as fast as they are taken."""
    yield Probe(lambda grounds: _ingested(grounds, scale))


def latencies(scale: float) -> Iterator[Probe]:
    """Told at 40 per second, timed from when each was due."""
    yield Probe(lambda grounds: _late(grounds, scale))


def _ingested(grounds: Grounds, scale: float) -> Measuring:
    with _ours(grounds) as doors:
        ours = _rushed(grounds, doors, int(OURS * scale))
        yield None
    with _plain(grounds) as doors:
        plain = _rushed(grounds, doors, int(PLAIN * scale))
        yield None
    name, goal = f"ingest/{POSTGRES}", Goal(ratio=8)
    yield Figure(name, "lines/s", ours.rate, plain.rate, goal=goal)
    name, goal = f"{name}/cpu", Goal(at_most=25)
    yield Figure(name, "µs CPU a line", ours.cpu_us, plain.cpu_us, goal=goal, is_cost=True)


class Rush(NamedTuple):
    """Lines per second, and CPU microseconds per line of doors and database."""

    rate: float
    cpu_us: float


def _rushed(grounds: Grounds, doors: Doors, count: int) -> Rush:
    ports, pids = doors
    calls = _calls(max(DOORS, count))
    lines = len(calls) * notices.LINES
    _warm(ports)
    everybody = [*pids, *family(server(grounds.database_url))]
    used, took = cpu_seconds(everybody), asyncio.run(_timed(ports, calls))
    cpu = max(cpu_seconds(everybody) - used, TICK)
    return Rush(lines / took, cpu * 1e6 / lines)


def _late(grounds: Grounds, scale: float) -> Measuring:
    with _ours(grounds) as (ports, _):
        _warm(ports)
        calls = _calls(max(10, int(PER_SECOND * SECONDS * scale)))
        took = asyncio.run(stream(ports, calls, PER_SECOND))
        yield None
    for share, goal in ((0.5, Goal()), (0.99, Goal(at_most=30))):
        name = f"ingest-latency/{POSTGRES}/p{round(share * 100)}"
        yield Figure(name, "ms", percentile(took, share) * 1e3, goal=goal, is_cost=True)


def _warm(ports: Sequence[int]) -> None:
    """Make one uncounted call per connection, which sets up connections and statements."""
    asyncio.run(rush(ports, _calls(CONNECTIONS, first=1_000_000), CONNECTIONS))


async def _timed(ports: Sequence[int], calls: Sequence[Call]) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await rush(ports, calls, CONNECTIONS)
    return loop.time() - began


def _calls(count: int, first: int = 0) -> list[Call]:
    return [notices.distribution(number) for number in range(first, first + count)]


@contextmanager
def _ours(grounds: Grounds) -> Iterator[Doors]:
    with deployment(grounds) as deployed:
        doors = [deployed.serve("serve gateway") for _ in range(DOORS)]
        asyncio.run(rush([doors[0][0]], notices.before(), 1))
        yield [port for port, _ in doors], [process.pid for _, process in doors]


@contextmanager
def _plain(grounds: Grounds) -> Iterator[Doors]:
    """Two workers of uvicorn behind one port."""
    port = free_port()
    with grounds.on(POSTGRES) as ground:
        settings = ground.plain_settings()
        environment = {**os.environ, **settings, "PLAIN_KEY": KEY}
        command = [sys.executable, "-m", "uvicorn", "deploy.bench.plain_door:door", "--factory"]
        command += ["--port", str(port), "--workers", str(DOORS), "--log-level", "warning"]
        folder = ground.folder
        process = start(command, Path(folder, "door.log"), signal.SIGKILL, env=environment)
        try:
            process.wait_until(lambda: answers(port), START_SECONDS)
            yield [port], family(process.pid)
        finally:
            process.stop(signal.SIGTERM)
