"""Fixtures for every test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.services import a_database, a_kafka, a_postgres, to_be_had
from tests.support.shares import dealt
from tests.support.world import World, world

LONG = ("tests/gateway/test_fuzz.py", "tests/simulation/")
"""Tests that keep a processor busy for long: started last, one leaves all other workers idle."""

settings.register_profile("cagette", deadline=None, print_blob=True)
settings.load_profile("cagette")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker its share of the long tests first."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, workers, lambda item: item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    with to_be_had(a_postgres()) as url:
        yield url


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap server of a real Kafka."""
    with to_be_had(a_kafka()) as bootstrap:
        yield bootstrap


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """A fresh database."""
    with a_database(postgres) as url:
        yield url


@pytest.fixture
def broker(kafka: str) -> dict[str, str]:
    """Settings of a Kafka with topics of this test's own."""
    return {"kafka_bootstrap": kafka, "kafka_prefix": f"t{uuid.uuid4().hex[:12]}"}


@pytest.fixture
def cagette(tmp_path: Path) -> Iterator[World]:
    """A fresh home with its three houses."""
    with world(tmp_path / "home") as fresh:
        yield fresh
