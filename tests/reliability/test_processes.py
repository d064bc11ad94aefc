"""Three houses as processes of their own: they stop cleanly, wait for each other, lose nothing."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from deploy.cli.exporting import EXPORTS, as_csv
from deploy.local.postgres import outside
from tests.support.processes import (
    ALL,
    CAGETTE,
    Deployment,
    ask,
    beginning,
    running,
    tell,
    wait_until,
)
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
    first.ask_to_end()
    assert first.wait(30) == 0
    wait_until(lambda: deployment.said("work billing").count("at work: billing") == 2)


def test_processes_that_are_asked_to_end_do_so_within_ten_seconds(deployment: Deployment) -> None:
    at_work = {name: f"at work: {name.split()[1]}" for name in ALL if name.startswith("work")}
    wait_until(lambda: all(said in deployment.said(name) for name, said in at_work.items()))
    for name in ALL:
        assert deployment.stop(name) in (0, -15), name


def test_the_demo_runs_on_postgresql_and_kafka_without_docker() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CAGETTE_HOME": f"{folder}/var"}
        command = [*CAGETTE, "demo", "--deployment", "--no-serve", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        for kept in outside(Path(folder) / "var/demo/services/postgres"):
            shutil.rmtree(kept)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["documents_incl_vat_cents"], found["settlements"]) == (426_148, 727)
