"""The example client of the marketplace, against a gateway that is killed and started again."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.cli.home import opened
from deploy.client.marketplace import Outbox
from deploy.local.processes import answers, free_port
from shared.settings import Settings
from tests.gateway.test_door import CALLS
from tests.support import notices
from tests.support.commands import Started
from tests.support.hard_season import hard_season
from tests.support.processes import wait_until
from tests.support.recount import recount
from tests.support.world import World, world

KEY = "a-key-of-the-tests"


class Gateway:
    """`cagette serve` on a home of its own, which can be killed."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self._environment = {
            **os.environ,
            "CAGETTE_HOME": str(home),
            "CAGETTE_KEY": KEY,
            "CAGETTE_PORT": str(self.port),
        }
        self._process: Started | None = None

    def start(self) -> None:
        self._process = Started(("serve",), self._environment, Path(os.devnull))

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(30)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with world(tmp_path / "home") as fresh:
        yield fresh.home.folder


@pytest.fixture
def gateway(home: Path) -> Iterator[Gateway]:
    served = Gateway(home)
    served.start()
    yield served
    served.kill()


def sending(outbox: Path, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "deploy.client.marketplace", "--key", KEY]
    command += ["--url", f"http://127.0.0.1:{port}/v1", "--outbox", str(outbox)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


def put(outbox: Outbox, notice: notices.Notice) -> None:
    method, path = CALLS[notice["kind"]]
    outbox.put(method, path.format(**notice).removeprefix("/v1"), notice["body"])


def waiting(outbox: Path) -> int:
    with closing(sqlite3.connect(outbox)) as database:
        query = "SELECT count(*) FROM outbox WHERE state = 'WAITING'"
        return int(database.execute(query).fetchone()[0])


def test_a_season_goes_through_an_outbox_while_the_gateway_is_killed(
    tmp_path: Path, home: Path, gateway: Gateway
) -> None:
    steps = [step for step in hard_season(4) if step[0] == "tell"]
    file, chance = tmp_path / "outbox.sqlite", random.Random(4)
    with closing(sqlite3.connect(file)) as database:
        outbox = Outbox(database, "", KEY)
        for _, notice in steps:
            put(outbox, notice)
        database.commit()
    client = sending(file, gateway.port)
    kills = 0
    while waiting(file) and kills < 5:
        before = waiting(file)
        wait_until(lambda: waiting(file) <= max(0, before - chance.randrange(20, 60)))  # noqa: B023
        gateway.kill()
        gateway.start()
        kills += 1
    _, said = client.communicate(timeout=120)
    assert (client.returncode, waiting(file)) == (0, 0), said
    assert kills == 5
    wait_until(lambda: answers(gateway.port))
    gateway.kill()
    with opened(Settings(home=home)) as again:
        assert World(again).bills().fees == recount(steps).fees


def test_what_is_refused_stays_in_the_outbox_with_its_sentence(
    tmp_path: Path, gateway: Gateway
) -> None:
    wait_until(lambda: answers(gateway.port))
    file = tmp_path / "outbox.sqlite"
    with closing(sqlite3.connect(file)) as database:
        outbox = Outbox(database, f"http://127.0.0.1:{gateway.port}/v1", KEY)
        put(outbox, notices.producer(country="BE"))
        put(outbox, notices.market())
        database.commit()
        assert outbox.send() == 2
        [(path, sentence)] = outbox.refused()
    assert path == "/producers/2045"
    assert sentence == "Only producers of France can be billed. /country must be FR"
