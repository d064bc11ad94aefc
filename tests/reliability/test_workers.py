"""A worker rests when it has nothing to do, and lets nobody wait for what it has done."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.hearing import POLL_SECONDS, keep_working
from deploy.cli.houses import HOUSES
from services.gateway.api.imports import import_lines
from shared.eventstore.views import Views
from shared.facts.envelope import Message
from shared.messaging.source import FactSource, Published, Relay
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
    """A source that records how everything stood whenever a worker waited for news."""

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
    """Tell of a distribution that nobody hears of yet."""
    line = json.dumps(n.distribution(distribution_id)).encode()
    deque(import_lines(cagette.home.gateway_desk, [line], by="test"))


@pytest.fixture
def deployed(database_url: str, broker: dict[str, str], tmp_path: Path) -> Iterator[World]:
    """A deployment that was told of a distribution that nobody in it has heard of yet."""
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.told(n.market(), n.producer())
        told(cagette, "48211")
        yield cagette


def test_what_was_heard_is_published_and_shown_before_a_worker_waits_for_more(
    deployed: World,
) -> None:
    worker = deployed.home.workers["gateway"]
    assert worker.source is not None
    source = Waiting(worker.source, deployed)
    gateway = Worker(**{**vars(worker), "source": source})
    deque(worker.publish())
    deque(deployed.home.workers["billing"].steps())
    told(deployed, "48212")
    deque(gateway.steps())
    heads = {head for head, _, _ in source.seen}
    assert len(heads) > 1
    assert all(head == shown and not untold for head, shown, untold in source.seen[1:])
    assert deployed.home.gateway.relayed() == deployed.home.gateway.head()


class Noted:
    """A relay and views that record what they are asked, in order; `meanwhile` runs once."""

    def __init__(self, worker: Worker, meanwhile: Callable[[], None] = lambda: None) -> None:
        assert worker.relay is not None
        assert worker.views is not None
        self.asked: list[str] = []
        self._relay: Relay = worker.relay
        self._views: Views = worker.views
        self._meanwhile = [meanwhile]

    def worker(self, worker: Worker) -> Worker:
        return Worker(**{**vars(worker), "relay": self, "views": self})

    def publish(self, after: int) -> Published:
        self.asked.append("publish")
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._relay.publish(after)

    def shows(self, head: int) -> bool:
        return self._views.shows(head)

    def catch_up(self) -> Iterator[int]:
        self.asked.append("show")
        return self._views.catch_up()

    def close(self) -> None:
        self._relay.close()


def test_what_others_wait_for_comes_first(deployed: World) -> None:
    deque(deployed.home.workers["gateway"].publish())
    first = {}
    for house in ("billing", "gateway"):
        worker = deployed.home.workers[house]
        noted = Noted(worker)
        deque(noted.worker(worker).steps())
        first[house] = noted.asked[0]
    assert first == {"billing": "publish", "gateway": "show"}


def test_what_is_written_while_a_worker_publishes_is_shown_before_it_waits(deployed: World) -> None:
    worker = deployed.home.workers["gateway"]
    assert worker.views is not None
    deque(worker.views.catch_up())
    noted = Noted(worker, lambda: told(deployed, "48212"))
    deque(noted.worker(worker).steps())
    shown = min(deployed.home.views["gateway"].positions().values())
    assert shown == deployed.home.gateway.head()


def test_a_worker_is_done_when_it_has_published_shown_and_heard_all_that_there_is(
    deployed: World,
) -> None:
    gateway, billing = (deployed.home.workers[name] for name in ("gateway", "billing"))
    assert gateway.views is not None
    deque(gateway.views.catch_up())
    deque(billing.steps())
    assert (gateway.is_done(), billing.is_done()) == (False, True)
    deque(gateway.publish())
    assert (gateway.is_done(), billing.is_done()) == (True, False)
    for worker in (billing, gateway):
        deque(worker.steps())
    told(deployed, "48212")
    deque(gateway.publish())
    assert (gateway.is_done(), billing.is_done()) == (False, False)
