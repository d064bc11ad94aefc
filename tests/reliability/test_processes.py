"""Three houses as processes of their own: they stop cleanly, wait for each other, lose nothing."""

import csv
import io
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from random import Random

import pytest

from deploy.cli.exporting import EXPORTS, as_csv
from tests.support.processes import (
    ALL,
    CAGETTE,
    Deployment,
    ask,
    beginning,
    fees_of,
    running,
    tell,
    wait_until,
)
from tests.support.recount import recount
from tests.support.world import LATER, World

EXPORTED = ("invoices", "transfers", "producers")


@pytest.fixture
def deployment(tmp_path: Path, database_url: str, broker: dict[str, str]) -> Iterator[Deployment]:
    """A migrated deployment, with all its processes up."""
    with running(tmp_path / "deployed", database_url, broker) as fresh:
        yield fresh


def test_a_season_through_three_processes_gives_the_bills_of_one(
    deployment: Deployment, cagette: World
) -> None:
    steps = beginning(5, asks=8)
    cagette.do(steps)
    for kind, group in groupby(steps, key=lambda step: step[0] == "tell"):
        if kind:
            tell(deployment, list(group))
        else:
            for step in group:
                ask(deployment, step)
    for what in EXPORTED:
        words = ["export", what, *(["--on", str(LATER)] if what == "producers" else [])]
        expected = as_csv(*EXPORTS[what](cagette.home.views["billing"], LATER))
        assert deployment.run(*words).stdout == expected
    status = json.loads(deployment.run("status", "--json").stdout)
    assert {house: s["unpublished"] for house, s in status.items() if s["unpublished"]} == {}
    assert not any(s["lag"] or s["parked"] for s in status.values())


def test_a_second_worker_waits_until_the_first_one_ends(deployment: Deployment) -> None:
    first = deployment.running.pop("work billing")
    wait_until(lambda: "at work: billing" in deployment.said("work billing"))
    deployment.start("work billing")
    wait_until(lambda: "waiting" in deployment.said("work billing"))
    first.terminate()
    assert first.wait(10) == 0
    wait_until(lambda: deployment.said("work billing").count("at work: billing") == 2)


@pytest.mark.parametrize("name", ALL)
def test_a_process_that_is_asked_to_end_does_so_within_ten_seconds(
    deployment: Deployment, name: str
) -> None:
    if name.startswith("work"):
        house = name.split()[1]
        wait_until(lambda: f"at work: {house}" in deployment.said(name))
    assert deployment.stop(name) in (0, -15)


def test_ten_kills_lose_nothing_and_double_nothing(deployment: Deployment) -> None:
    """kill -9 of workers, seeded, while a season is told, settled and closed."""
    steps, chance = beginning(6, asks=6), Random(6)
    first_ask = next(number for number, step in enumerate(steps) if step[0] != "tell")
    notices, asks = steps[:first_ask], steps[first_ask:]
    workers = [name for name in ALL if name.startswith("work")]
    portion = len(notices) // 10 + 1
    for start in range(0, len(notices), portion):
        tell(deployment, notices[start : start + portion])
        victim = chance.choice(workers)
        deployment.kill(victim)
        deployment.start(victim)
    for step in asks:
        ask(deployment, step)
    expected = recount(steps)
    assert fees_of(deployment) == expected.fees
    invoices = list(csv.DictReader(io.StringIO(deployment.run("export", "invoices").stdout)))
    assert len(invoices) == len(expected.documents)
    assert deployment.stop("work billing") == 0
    verified = deployment.run("verify")
    assert verified.returncode == 0, verified.stdout


def test_the_demo_runs_on_postgresql_and_kafka_without_docker() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's user enters it, where we are root
        environment = {**os.environ, "CAGETTE_HOME": f"{folder}/var"}
        command = [*CAGETTE, "demo", "--deployment", "--no-serve", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["documents_incl_vat_cents"], found["settlements"]) == (426_148, 727)
