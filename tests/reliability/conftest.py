"""What tests of failures ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.processes import NotToBeHad
from tests.support.processes import Servers, servers_of_its_own
from tests.support.services import missing


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A deployment on servers of its own, which may be killed."""
    try:
        with servers_of_its_own(tmp_path / "deployed") as its_own:
            yield its_own
    except NotToBeHad as reason:
        missing(reason)
