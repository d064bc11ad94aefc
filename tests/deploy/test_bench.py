"""`cagette bench`: the shape of what it says, never how fast it was."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from deploy.bench import NAMES
from deploy.bench.catalogue import BENCHES
from deploy.bench.measure import Figure, Goal
from tests.support.processes import CAGETTE

FIGURE = {"name", "unit", "ours", "baseline", "limit", "ratio", "of_limit", "goal", "met"}


def bench(home: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if "CAGETTE" not in name}
    environment = {**ours, "CAGETTE_HOME": str(home), "COLUMNS": "200", **settings}
    command = [*CAGETTE, "bench", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


PROCESSES = {"ingest", "sale-to-fee", "import", "memory"}
"""Benches that mostly start processes: `cagette bench --quick` is their test."""


def test_a_bench_says_of_every_figure_what_it_is_a_ratio_of(
    tmp_path: Path, postgres: str, kafka: str
) -> None:
    names = [name for name in NAMES if name not in PROCESSES]
    servers = {"CAGETTE_DATABASE_URL": postgres, "CAGETTE_KAFKA_BOOTSTRAP": kafka}
    done = bench(tmp_path, *names, "--quick", "--json", **servers)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert list(dict.fromkeys(figure["name"].partition("/")[0] for figure in figures)) == names
    for figure in figures:
        assert set(figure) == FIGURE
        assert figure["ours"] > 0
        assert figure["met"] in ((True, False) if figure["goal"] else (None,))


def test_every_bench_has_its_name() -> None:
    assert tuple(BENCHES) == NAMES


def test_a_bench_that_there_is_not_is_refused_with_the_names_of_those_there_are(
    tmp_path: Path,
) -> None:
    done = bench(tmp_path, "speed")
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "not-found")
    assert all(name in done.stderr for name in NAMES)


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(ratio=4), True),
        (Goal(ratio=4.1), False),
        (Goal(at_least=400), True),
        (Goal(at_least=401), False),
        (Goal(ratio=2, at_least=401), False),
        (Goal(at_most=400), True),
        (Goal(at_most=399), False),
    ],
)
def test_a_goal_is_met_when_all_of_it_is(goal: Goal, *, met: bool) -> None:
    assert Figure("a", "events/s", 400, 100, 800, goal).as_json() == {
        "name": "a",
        "unit": "events/s",
        "ours": 400,
        "baseline": 100,
        "limit": 800,
        "ratio": 4.0,
        "of_limit": 0.5,
        "goal": str(goal),
        "met": met,
    }


def test_of_a_cost_less_is_better() -> None:
    figure = Figure("a", "ms", 20, 100, 10, Goal(ratio=5, at_most=30), is_cost=True)
    assert (figure.ratio, figure.of_limit, figure.goal.met(figure)) == (5, 0.5, True)
