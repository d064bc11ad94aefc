"""Hours in minutes: a deployment under a steady load, and then under four times what it can take.

    python -m tests.reliability.soak --minutes 10

`make soak` exits with 1 if the memory or the open files of a process grew; if under overload
anything is refused other than by 429 and 503, or less than 70 % of what the door can take is taken;
if it is not as quick as before within 10 s afterwards; or if `cagette verify` finds anything.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import httpx2 as httpx

from tests.reliability.chaos import verified
from tests.support.notices import Notice, distribution, market, producer
from tests.support.processes import ALL, KEY, Deployment, Servers, servers_of_its_own, tell

PRODUCERS = [str(number) for number in range(1, 1_001)]
SELLERS, DAYS = 10, 300
"""Sellers per distribution, and days in all, so that no statement grows beyond what is real."""
STEADY_PER_SECOND = 10
EVERY_SECONDS = 5
OVERLOAD_SECONDS, CAPACITY_SECONDS = 20, 10
TIMES_CAPACITY = 4
GOODPUT = 0.7
RECOVERY_SECONDS = 10
GROWTH, GROWTH_MB, FILES = 1.10, 10, 5
"""Growth allowed from the second fifth of the time to the last: memory (×, plus MB), open files."""


@dataclass
class Crowd:
    """Tells distributions of its own, each once, and counts the answers."""

    http: httpx.AsyncClient
    answers: Counter[int] = field(default_factory=Counter)
    silences: Counter[str] = field(default_factory=Counter)
    """Why there was no answer."""
    seconds: list[float] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def tell(self) -> None:
        """Tell one distribution; no answer at all counts as status 0."""
        number = next(self.numbers)
        name, first = f"D{number}", number * SELLERS % len(PRODUCERS)
        at = f"{date(2024, 1, 1) + timedelta(days=number % DAYS)}T21:00:00+01:00"
        sales = dict.fromkeys(PRODUCERS[first : first + SELLERS], 1_234)
        body = distribution(name, sales, validated_at=at)["body"]
        began = time.monotonic()
        try:
            answer = await self.http.put(f"/distributions/{name}", json=body)
        except httpx.HTTPError as reason:
            self.answers[0] += 1
            self.silences[repr(reason)] += 1
        else:
            self.answers[answer.status_code] += 1
            self.seconds.append(time.monotonic() - began)

    async def at(self, per_second: float, seconds: float) -> None:
        """Tell at a fixed rate, whether earlier ones are answered or not; then await them all."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(per_second * seconds)):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                tasks.create_task(self.tell())

    async def as_fast_as(self, clients: int, seconds: float) -> float:
        """Run clients that each tell again once answered; returns notices taken per second."""
        give_up, before = time.monotonic() + seconds, self.taken

        async def client() -> None:
            while time.monotonic() < give_up:
                await self.tell()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(client())
        return (self.taken - before) / seconds

    @property
    def taken(self) -> int:
        """How many were taken."""
        return sum(count for status, count in self.answers.items() if 200 <= status < 300)


@asynccontextmanager
async def crowd(deployment: Deployment) -> AsyncIterator[Crowd]:
    """A crowd at the gateway's door."""
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{deployment.port}/v1",
        headers={"Authorization": f"Bearer {KEY}"},
        limits=httpx.Limits(max_connections=400),
        timeout=30,
    ) as http:
        yield Crowd(http)


def held(deployment: Deployment) -> dict[str, tuple[float, int]]:
    """Memory in MB and open files, by process."""
    found = {}
    for name in ALL:
        of_it = Path("/proc", str(deployment.running[name].pid))
        status = dict(line.split(":", 1) for line in (of_it / "status").read_text().splitlines())
        megabytes = int(status["VmRSS"].split()[0]) / 1024
        found[name] = (megabytes, len(list((of_it / "fd").iterdir())))
    return found


async def steady(people: Crowd, deployment: Deployment, minutes: float) -> list[str]:
    """Tell and read steadily while watching the processes; returns what grew."""
    seen: list[dict[str, tuple[float, int]]] = []
    ends = time.monotonic() + minutes * 60
    while time.monotonic() < ends:
        await people.at(STEADY_PER_SECOND, EVERY_SECONDS)
        for path in ("/producers/1/standing", "/events?limit=200", "/distributions"):
            answer = await people.http.get(path)
            answer.raise_for_status()
        seen.append(held(deployment))
        memory = sum(megabytes for megabytes, _ in seen[-1].values())
        left = max(0.0, ends - time.monotonic())
        print(f"\r{people.taken} taken, {memory:.0f} MB, {left:.0f} s left  ", end="", flush=True)
    return list(grown(seen))


def grown(seen: list[dict[str, tuple[float, int]]]) -> Iterator[str]:
    """What grew from the second fifth of the time to the last, by process."""
    fifth = max(1, len(seen) // 5)
    for name in ALL:
        early, late = seen[fifth : 2 * fifth] or seen[:1], seen[-fifth:]
        before, after = (statistics.median(s[name][0] for s in part) for part in (early, late))
        files = [max(s[name][1] for s in part) for part in (early, late)]
        print(f"\n{name}: {before:.0f} MB and {files[0]} files, then {after:.0f} and {files[1]}")
        if after > before * GROWTH + GROWTH_MB:
            yield f"{name} grew from {before:.0f} to {after:.0f} MB"
        if files[1] > files[0] + FILES:
            yield f"{name} opened files: {files[0]}, then {files[1]}"


async def overload(people: Crowd) -> AsyncIterator[str]:
    """What goes wrong while four times as much is told as the door can take, and right after."""
    capacity = await people.as_fast_as(8, CAPACITY_SECONDS)
    usual = statistics.median(people.seconds[-50:])
    people.answers.clear()
    people.seconds.clear()
    began = time.monotonic()
    await people.at(capacity * TIMES_CAPACITY, OVERLOAD_SECONDS)
    lasted = time.monotonic() - began
    goodput = people.taken / lasted / capacity
    print(f"\ncapacity {capacity:.0f}/s; at four times that for {lasted:.0f} s: ", end="")
    print(f"{dict(people.answers)}, goodput {goodput:.0%}, median {usual * 1000:.0f} ms before")
    strange = set(people.answers) - {200, 201, 202, 429, 503}
    if strange:
        yield f"under overload some answers were {strange} {dict(people.silences)}"
    if goodput < GOODPUT:
        yield f"under overload {goodput:.0%} of the capacity was taken"
    recovering, now = time.monotonic(), usual * 100
    while now > 2 * usual + 0.05:
        if time.monotonic() > recovering + RECOVERY_SECONDS:
            yield f"{RECOVERY_SECONDS} s later an answer takes {now:.2f} s; before, {usual:.2f} s"
            return
        people.seconds.clear()
        await people.as_fast_as(8, 1)
        now = statistics.median(people.seconds)
    print(f"as before {time.monotonic() - recovering:.0f} s later: {now * 1000:.0f} ms")


async def lived(servers: Servers, minutes: float) -> list[str]:
    """What went wrong under the steady load and the overload."""
    first: list[Notice] = [market(), *(producer(name) for name in PRODUCERS)]
    tell(servers.deployment, [("tell", notice) for notice in first])
    async with crowd(servers.deployment) as people:
        flaws = await steady(people, servers.deployment, minutes) if minutes else []
        return flaws + [flaw async for flaw in overload(people)]


def main() -> int:
    """Run the soak and print the outcome."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10, help="of steady load (default 10)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as home, servers_of_its_own(Path(home) / "d") as servers:
        flaws = asyncio.run(lived(servers, chosen.minutes))
        audit = verified(servers.deployment)
    print("\n".join(flaws) or "nothing grew, and overload was refused as it should be")
    print(audit.stdout.strip())
    return 1 if flaws else audit.returncode


if __name__ == "__main__":
    sys.exit(main())
