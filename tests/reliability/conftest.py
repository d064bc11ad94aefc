"""Fixtures for tests of failures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.processes import NotToBeHad
from tests.support.processes import Servers, servers_of_its_own
from tests.support.services import a_database, missing
from tests.support.world import World, world


@pytest.fixture
def second_database_url(postgres: str) -> Iterator[str]:
    """Another fresh database, to be compared with the first."""
    with a_database(postgres) as url:
        yield url


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A deployment on servers of its own, which may be killed."""
    try:
        with servers_of_its_own(tmp_path / "deployed") as its_own:
            yield its_own
    except NotToBeHad as reason:
        missing(reason)


@pytest.fixture(params=["embedded", "deployed"])
def in_each_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A fresh home: in one process, then on PostgreSQL and Kafka."""
    settings = {}
    if request.param == "deployed":
        settings = {
            "database_url": request.getfixturevalue("database_url"),
            "patience_seconds": 30,
            **request.getfixturevalue("broker"),
        }
    with world(tmp_path / "home", **settings) as cagette:
        yield cagette
