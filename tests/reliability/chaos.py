"""`make chaos`: kill -9 of any process, of the broker and of PostgreSQL, while a season is told.

    python -m tests.reliability.chaos --kills 200 --seed 1

Ends with an independent recount and `cagette verify`; exit code 1 if anything was lost, doubled,
or is wrong by a cent. Every run replays from its seed, but for the moments of the kills.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import httpx2 as httpx

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from tests.support.processes import (
    ALL,
    Deployment,
    ask,
    beginning,
    fees_of,
    running,
    tell,
    wait_until,
)
from tests.support.recount import Step, recount

ASKS = 8
VICTIMS = (*ALL, "kafka", "postgres")
PATIENCE_SECONDS = 60


def kill(victim: str, deployment: Deployment, kafka: LocalKafka, postgres: LocalPostgres) -> None:
    """Kill a victim and start it again."""
    if victim == "kafka":
        kafka.kill()
        kafka.start()
    elif victim == "postgres":
        postgres.kill()
        postgres.start()
    else:
        deployment.kill(victim)
        deployment.start(victim)


def tell_until_taken(deployment: Deployment, steps: Sequence[Step]) -> int:
    """Tell as a cron job does: again, until all of it is taken; how often it took."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    for tries in range(1, 1_000):
        try:
            tell(deployment, steps)
        except (AssertionError, httpx.HTTPError, ValueError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
        else:
            return tries
    raise TimeoutError("told a thousand times")


def main() -> int:
    """Run the chaos and say what came of it."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    chance, killed, tries = Random(chosen.seed), Counter[str](), 0
    steps = beginning(chosen.seed, asks=ASKS)
    first = next(number for number, step in enumerate(steps) if step[0] != "tell")
    notices, asks = steps[:first], steps[first:]
    began = time.monotonic()
    with LocalPostgres() as postgres, LocalKafka() as kafka, tempfile.TemporaryDirectory() as home:
        broker = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": "cagette"}
        with running(Path(home) / "deployed", postgres.url, broker) as deployment:
            for number in range(chosen.kills):
                start = number * len(notices) // chosen.kills
                end = (number + 1) * len(notices) // chosen.kills + 3
                victim = chance.choice(VICTIMS)
                kill(victim, deployment, kafka, postgres)
                killed[victim] += 1
                tries += tell_until_taken(deployment, notices[start:end])
            tell_until_taken(deployment, notices)
            return judged(deployment, steps, asks, f"{dict(killed)}, {tries} tellings", began)


def judged(
    deployment: Deployment, steps: list[Step], asks: list[Step], done: str, began: float
) -> int:
    """Compare with the independent model, and audit."""
    for step in asks:
        ask(deployment, step)
    expected = recount(steps).fees
    wait_until(lambda: fees_of(deployment) == expected, PATIENCE_SECONDS)
    deployment.stop("work billing")
    verified = deployment.run("verify")
    seconds = int(time.monotonic() - began)
    print(f"{done}, {len(expected)} fees right, {seconds} s: {verified.stdout.strip()}")
    return verified.returncode


if __name__ == "__main__":
    sys.exit(main())
