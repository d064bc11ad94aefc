"""The same bills on SQLite with the embedded transport and on PostgreSQL with Kafka."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.cli.exporting import EXPORTS, as_csv
from tests.support.hard_season import hard_season, shuffled
from tests.support.recount import Step, recount, steps_of
from tests.support.world import LATER, World, world

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def deployment(tmp_path: Path, database_url: str, broker: dict[str, str]) -> Iterator[World]:
    """A fresh deployment on PostgreSQL and Kafka."""
    with world(
        tmp_path / "deployed", database_url=database_url, patience_seconds=30, **broker
    ) as fresh:
        yield fresh


def exported(cagette: World, what: str) -> str:
    """What `cagette export` writes."""
    return as_csv(*EXPORTS[what](cagette.home.views["billing"], LATER))


def season(name: str) -> list[Step]:
    """A hard season, from `data` or generated."""
    if name.startswith("hard"):
        return steps_of(DATA / name)
    return shuffled(hard_season(int(name)), int(name))


@pytest.mark.parametrize("name", ["hard-season-1", "hard-season-2", "77"])
def test_both_worlds_write_the_same_bills(cagette: World, deployment: World, name: str) -> None:
    steps = season(name)
    cagette.do(steps)
    deployment.do(steps)
    for what in ("invoices", "transfers", "producers"):
        assert exported(deployment, what) == exported(cagette, what)
    assert asdict(deployment.bills()) == asdict(cagette.bills()) == asdict(recount(steps))
    assert deployment.violations() == []
