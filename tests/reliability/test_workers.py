"""A worker: it rests where it has nothing to do, and lets nobody wait for what it has done."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.hearing import POLL_SECONDS, keep_working
from deploy.cli.houses import HOUSES
from services.gateway.api.imports import import_lines
from shared.facts.envelope import Message
from shared.messaging.source import FactSource
from shared.messaging.worker import Worker
from tests.support import notices as n
from tests.support.world import World, world


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


class Waiting:
    """A source that says how everything stood whenever a worker waits for news."""

    def __init__(self, source: FactSource, cagette: World) -> None:
        self.waits = source.waits
        self.seen: list[tuple[int, int, list[Message]]] = []
        self._source = source
        self._home = cagette.home

    def poll(self, heard: Mapping[str, int], limit: int, *, surely: bool = True) -> list[Message]:
        gateway, views = self._home.gateway, self._home.views["gateway"]
        untold, _ = gateway.told(gateway.relayed(), gateway.head())
        self.seen.append((gateway.head(), min(views.positions().values()), untold))
        return self._source.poll(heard, limit, surely=True)

    def tails(self) -> dict[str, int]:
        return self._source.tails()

    def close(self) -> None:
        self._source.close()


def told(cagette: World, distribution_id: str) -> None:
    """Tell of a distribution, and let nobody hear of it yet."""
    line = json.dumps(n.distribution(distribution_id)).encode()
    deque(import_lines(cagette.home.gateway_desk, [line], by="test"))


def test_what_was_heard_is_published_and_shown_before_a_worker_waits_for_more(
    database_url: str, broker: dict[str, str], tmp_path: Path
) -> None:
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.told(n.market(), n.producer())
        told(cagette, "48211")
        worker = cagette.home.workers["gateway"]
        assert worker.source is not None
        source = Waiting(worker.source, cagette)
        gateway = Worker(**{**vars(worker), "source": source})
        deque(worker.publish())
        deque(cagette.home.workers["billing"].steps())
        told(cagette, "48212")
        deque(gateway.steps())
        heads = {head for head, _, _ in source.seen}
        assert len(heads) > 1
        assert all(head == shown and not untold for head, shown, untold in source.seen[1:])
        assert cagette.home.gateway.relayed() == cagette.home.gateway.head()
