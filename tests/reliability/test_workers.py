"""A worker that has nothing to do rests, whatever it hears or does not hear."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.hearing import POLL_SECONDS, keep_working
from deploy.cli.houses import HOUSES
from shared.messaging.worker import Worker
from tests.support.world import world


class Counted(Worker):
    """A worker whose turns are counted."""

    turns: list[float]

    def steps(self, *, surely: bool = True) -> Any:
        vars(self).setdefault("turns", []).append(time.monotonic())
        return super().steps(surely=surely)


@pytest.mark.parametrize("house", HOUSES)
def test_a_worker_at_rest_never_takes_more_turns_than_it_has_rests(
    database_url: str, broker: dict[str, str], tmp_path: Path, house: str
) -> None:
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.home.caught_up()
        worker = Counted(**vars(cagette.home.workers[house]))
        stop = threading.Event()
        threading.Timer(1, stop.set).start()
        keep_working([worker], stop)
        turns = worker.turns
        assert 5 < len(turns) <= (turns[-1] - turns[0]) / POLL_SECONDS + 1
