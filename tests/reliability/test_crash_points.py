"""Death before and after each durable step, the first, second and last time that it happens."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Settings
from tests.reliability.deaths import Life, Point, home_of, live
from tests.simulation.season import SimulatedStep, season
from tests.support.commands import in_a_process

SEASON = season(18)


def lived(
    settings: Settings, folder: Path, steps: Sequence[SimulatedStep], points: list[Point]
) -> tuple[dict[str, Any], list[str]]:
    """What came out of a season with some deaths, and the steps that it took."""
    file, out = folder / "life.json", folder / "out.json"
    Life(file, steps, 0, [], points).keep()
    home = home_of(settings)
    home.migrate()
    home.close()
    assert in_a_process(live, settings, file, steps, out) == 0
    assert Life.kept(file, steps).due == []
    return json.loads(out.read_text()), Life.kept(file, steps).happened


def everywhere(happened: list[str]) -> list[Point]:
    """Every step, the first, second and last time, before and after."""
    return [
        Point(name, time, is_after)
        for name, times in Counter(happened).items()
        for time in sorted({1, min(2, times), times})
        for is_after in (False, True)
    ]


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_death_at_every_durable_step_changes_no_byte_of_what_comes_out(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def settings(name: str) -> Settings:
        (tmp_path / name).mkdir()
        if database == "SQLite":
            return Settings(home=tmp_path / name)
        url = request.getfixturevalue(name)
        return Settings(home=tmp_path / name, database_url=url, kafka_bootstrap="nowhere:1")

    alive, happened = lived(settings("database_url"), tmp_path, SEASON.steps, [])
    points = everywhere(happened)
    assert len(points) > 80
    dead, _ = lived(settings("second_database_url"), tmp_path, SEASON.steps, points)
    assert dead == alive
    assert alive["flaws"] == []
