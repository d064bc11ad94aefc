"""A deployment as it is run: each house in processes of its own."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx

from deploy.local.processes import free_port
from tests.support.hard_season import hard_season
from tests.support.recount import Step
from tests.support.world import LATER

CAGETTE = (sys.executable, "-m", "deploy.cli.main")
KEY = "a-key-of-the-tests"


class Deployment:
    """Doors and workers of a deployment, each a process that can be killed and started again."""

    def __init__(self, home: Path, database_url: str, broker: dict[str, str]) -> None:
        home.mkdir()
        self.home = home
        self.port, self.training_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "CAGETTE_HOME": str(home),
            "CAGETTE_KEY": KEY,
            "CAGETTE_DATABASE_URL": database_url,
            "CAGETTE_KAFKA_BOOTSTRAP": broker["kafka_bootstrap"],
            "CAGETTE_KAFKA_PREFIX": broker["kafka_prefix"],
            "CAGETTE_PATIENCE_SECONDS": "30",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [*CAGETTE, *words], env=self.environment, capture_output=True, text=True, check=False
        )

    def start(self, name: str) -> None:
        """Start a process, named by its command: `work billing`."""
        environment = dict(self.environment)
        if name == "serve gateway":
            environment |= {
                "CAGETTE_PORT": str(self.port),
                "CAGETTE_TRAINING_URL": f"http://127.0.0.1:{self.training_port}",
            }
        if name == "serve training":
            environment |= {"CAGETTE_PORT": str(self.training_port)}
        with (self.home / f"{name.replace(' ', '-')}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*CAGETTE, *name.split()], env=environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        self.running[name].kill()
        self.running[name].wait(10)

    def stop(self, name: str) -> int:
        """Ask a process to end; its exit code."""
        self.running[name].send_signal(signal.SIGTERM)
        return self.running[name].wait(10)

    def close(self) -> None:
        """End all of them."""
        for process in self.running.values():
            process.kill()
            process.wait(10)

    def said(self, name: str) -> str:
        """What a process printed."""
        return (self.home / f"{name.replace(' ', '-')}.log").read_text()

    def is_up(self, port: int) -> bool:
        """Whether a door answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def client(self) -> httpx.Client:
        """A client of the gateway, with the key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
        )


def wait_until(true: Callable[[], bool], seconds: int = 60) -> None:
    """Wait for something to be true, and fail loudly when it does not come."""
    give_up = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.1)


ALL = ("serve training", "serve gateway", "work gateway", "work training", "work billing")
"""Every process of a deployment."""


@contextmanager
def running(home: Path, database_url: str, broker: dict[str, str]) -> Iterator[Deployment]:
    """A migrated deployment, with all its processes up."""
    fresh = Deployment(home, database_url, broker)
    try:
        migrated = fresh.run("migrate")
        assert migrated.returncode == 0, migrated.stderr
        for name in ALL:
            fresh.start(name)
        wait_until(lambda: fresh.is_up(fresh.port) and fresh.is_up(fresh.training_port))
        yield fresh
    finally:
        fresh.close()


def tell(deployment: Deployment, steps: Sequence[Step]) -> None:
    """Tell notices through the gateway's door; none may be refused."""
    lines = "".join(json.dumps(notice) + "\n" for _, notice in steps)
    with deployment.client() as client:
        told = client.post("/imports", content=lines.encode())
    answers = [json.loads(line) for line in told.text.splitlines()]
    assert len(answers) == len(steps)
    assert [answer for answer in answers if "result" not in answer] == []


def ask(deployment: Deployment, step: Step) -> None:
    """A payout or a close by the command line."""
    name, argument = step
    words = [name, str(argument), *(["--on", str(LATER)] if name == "close" else [])]
    done = deployment.run(*words)
    assert done.returncode == 0, done.stderr


def beginning(seed: int, asks: int) -> list[Step]:
    """A hard season as far as its first so many payouts and closes."""
    steps = hard_season(seed)
    ends = [number for number, step in enumerate(steps) if step[0] != "tell"]
    return steps[: ends[asks - 1] + 1]


def fees_of(deployment: Deployment) -> dict[str, int]:
    """The fees exported, summed as the independent model sums them."""
    fees: dict[str, int] = {}
    for fee in csv.DictReader(io.StringIO(deployment.run("export", "fees").stdout)):
        key = f"{fee['producer_id']}|{fee['distribution_id']}|{fee['kind']}"
        fees[key] = fees.get(key, 0) + int(fee["amount_cents"])
    return {key: cents for key, cents in fees.items() if cents}
