"""A deployment as it is run: each house in processes of its own, which can be killed."""

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import free_port
from tests.support.commands import Started, ran
from tests.support.hard_season import hard_season
from tests.support.recount import Bills, Step
from tests.support.world import LATER, billed

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
        self.running: dict[str, Started] = {}
        self.revived = 0
        self._reviving = threading.Lock()

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        done = ran(words, self.environment)
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def begin(self, *words: str) -> Started:
        """Start a command that may be killed."""
        return Started(words, self.environment, Path(os.devnull))

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
        self.running[name] = Started(name.split(), environment, self._log(name))

    def revive(self) -> None:
        """Restart what has ended, as a supervisor does."""
        with self._reviving:
            for name in [n for n, process in self.running.items() if process.poll() is not None]:
                self.start(name)
                self.revived += 1

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        self.running[name].kill()
        self.running[name].wait(30)

    def stop(self, name: str) -> int:
        """Ask a process to end; returns its exit code."""
        self.running[name].ask_to_end()
        return self.running[name].wait(30)

    def close(self) -> None:
        """End all of them."""
        for process in self.running.values():
            process.kill()
            process.wait(30)

    def said(self, name: str) -> str:
        """What a process printed."""
        return self._log(name).read_text()

    def _log(self, name: str) -> Path:
        return self.home / f"{name.replace(' ', '-')}.log"

    def is_up(self, port: int) -> bool:
        """Whether a door answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def subscribed(self) -> dict[tuple[str, str], int]:
        """What the example subscriber counts by producer and month from billing's topic."""
        topic = f"{self.environment['CAGETTE_KAFKA_PREFIX']}.billing.facts.v1"
        command = [sys.executable, "-m", "deploy.subscriber.fees_by_month", "--once"]
        command += ["--bootstrap", self.environment["CAGETTE_KAFKA_BOOTSTRAP"], "--topic", topic]
        command += ["--database", str(self.home / "subscriber.sqlite")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = csv.DictReader(io.StringIO(done.stdout))
        counted = {(row["producer_id"], row["month"]): int(row["amount_cents"]) for row in rows}
        return {key: cents for key, cents in counted.items() if cents}

    def is_ready(self) -> bool:
        """Whether both doors answer; no process may have ended by itself."""
        ended = {name: process.poll() for name, process in self.running.items()}
        ended = {name: code for name, code in ended.items() if code is not None}
        assert ended == {}, f"ended, with these codes: {ended}"
        return self.is_up(self.port) and self.is_up(self.training_port)

    def client(self) -> httpx.Client:
        """A client of the gateway, with the key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
        )


def wait_until(true: Callable[[], bool], seconds: int = 60) -> None:
    """Wait until a condition holds; raises TimeoutError if it does not in time."""
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
        wait_until(fresh.is_ready, seconds=120)
        yield fresh
    finally:
        fresh.close()


class Servers(NamedTuple):
    """A deployment on a PostgreSQL and a Kafka of its own."""

    deployment: Deployment
    postgres: LocalPostgres
    kafka: LocalKafka

    def kill(self, victim: str) -> None:
        """End a process or a server as a crash does."""
        if victim == "kafka":
            self.kafka.kill()
        elif victim == "postgres":
            self.postgres.kill()
        else:
            self.deployment.kill(victim)

    def start(self, victim: str) -> None:
        """Restart what was killed."""
        if victim == "kafka":
            self.kafka.start()
        elif victim == "postgres":
            self.postgres.start()
        else:
            self.deployment.revive()


@contextmanager
def servers_of_its_own(home: Path) -> Iterator[Servers]:
    """Servers that may be killed; raises NotToBeHad if this machine has none."""
    with LocalPostgres() as postgres, LocalKafka() as kafka:
        broker = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": "cagette"}
        with running(home, postgres.url, broker) as deployment:
            yield Servers(deployment, postgres, kafka)


def tell(deployment: Deployment, steps: Sequence[Step]) -> None:
    """Tell notices through the gateway's door; none may be refused."""
    lines = "".join(json.dumps(notice) + "\n" for _, notice in steps)
    with deployment.client() as client:
        told = client.post("/imports", content=lines.encode())
    answers = [json.loads(line) for line in told.text.splitlines()]
    assert len(answers) == len(steps)
    refused = [answer for answer in answers if "result" not in answer]
    assert refused == [], refused


def ask(deployment: Deployment, step: Step) -> None:
    """Ask for a payout or a close on the command line."""
    done = deployment.run(*asking(step))
    assert done.returncode == 0, done.stderr


def asking(step: Step, on: date = LATER) -> list[str]:
    """The command that asks for a payout or a close; documents are dated `on`."""
    name, argument = step
    return [name, str(argument), *(["--on", str(on)] if name == "close" else [])]


def beginning(seed: int, asks: int) -> list[Step]:
    """A hard season through its first `asks` payouts and closes."""
    steps = hard_season(seed)
    ends = [number for number, step in enumerate(steps) if step[0] != "tell"]
    return steps[: ends[asks - 1] + 1]


def exported(deployment: Deployment, what: str) -> list[dict[str, str]]:
    """The rows of an export."""
    done = deployment.run("export", what)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


BILLED = ("fees", "invoices", "transfers")
"""The exports that the independent model knows."""


def bills_of(deployment: Deployment) -> Bills:
    """The exports, in the shape of the independent model."""
    return billed(*(exported(deployment, what) for what in BILLED))
