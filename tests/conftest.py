"""What every test may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.world import World, world

settings.register_profile("cagette", deadline=None, print_blob=True)
settings.load_profile("cagette")


@pytest.fixture
def cagette(tmp_path: Path) -> Iterator[World]:
    """A fresh home with its three houses."""
    with world(tmp_path / "home") as fresh:
        yield fresh
