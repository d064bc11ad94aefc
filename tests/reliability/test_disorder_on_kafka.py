"""Facts on real topics, disordered on purpose: doubled, sent again late, reordered, delayed.

A season is told to an embedded home. What its gateway and training tell is sent by hand, in
disorder, to topics that only a fresh billing hears; once it has heard the facts of a batch, it is
asked what the other billing was asked. Within a partition the first copies keep their order, as a
relay keeps it: no other order is promised, and none is kept here.
"""

import csv
import io
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from kafka import KafkaProducer
from kafka.partitioner.default import murmur2

from deploy.cli.exporting import EXPORTS, as_csv
from shared.facts.envelope import Message
from shared.messaging.kafka import PARTITIONS, Broker
from shared.messaging.parking import parked_keys
from tests.support.hard_season import hard_season
from tests.support.recount import Bills, Step, recount
from tests.support.world import LATER, Notice, World, billed, world

MANNERS = ("gateway first", "training first", "trickling")


@pytest.fixture
def listener(tmp_path: Path, database_url: str, broker: dict[str, str]) -> Iterator[World]:
    """A fresh deployment in which only billing works."""
    settings = {"database_url": database_url, "patience_seconds": 30, **broker}
    with world(tmp_path / "listener", **settings) as fresh:
        yield fresh


@pytest.fixture
def topics(broker: dict[str, str]) -> Iterator["Topics"]:
    """The topics of the listener's neighbours."""
    at = Broker(broker["kafka_bootstrap"], broker["kafka_prefix"])
    with closing(KafkaProducer(bootstrap_servers=at.bootstrap, acks="all")) as producer:
        yield Topics(at, producer)


class Topics:
    """Writes to the topics as relays do, and counts what came out of order."""

    def __init__(self, broker: Broker, producer: KafkaProducer) -> None:
        self._broker = broker
        self._producer = producer
        self._highest: dict[tuple[str, int], int] = {}
        self.told: set[tuple[str, int]] = set()
        self.copies = self.ghosts = 0

    def send(self, messages: Iterable[Message]) -> None:
        """Send all of them to their topics and await delivery."""
        sent = []
        for message in messages:
            self._count(message)
            headers = [(name, value.encode()) for name, value in message.headers().items()]
            topic, key = self._broker.topic_of(message.speaker), message.key.encode()
            sent.append(self._producer.send(topic, message.value, key=key, headers=headers))
        for future in sent:
            future.get(timeout=30)

    def _count(self, message: Message) -> None:
        place = message.speaker, partition_of(message)
        highest = self._highest.get(place, 0)
        self.copies += (message.speaker, message.position) in self.told
        self.ghosts += message.position < highest
        self._highest[place] = max(highest, message.position)
        self.told.add((message.speaker, message.position))


def partition_of(message: Message) -> int:
    """Where the default partitioner of every Kafka client puts a message."""
    return int(murmur2(message.key.encode()) & 0x7FFFFFFF) % PARTITIONS


def disordered(told: Sequence[Message], before: Sequence[Message], chance: Random) -> list[Message]:
    """What one house told, as its topic may hold it: partitions far apart, copies, ghosts.

    A ghost is a copy of anything told earlier, `before` included.
    """
    waiting: dict[int, deque[Message]] = defaultdict(deque)
    for message in told:
        waiting[partition_of(message)].append(message)
    past, found = list(before), list[Message]()
    while waiting:
        partition = chance.choice(sorted(waiting))
        for _ in range(min(chance.randint(1, 30), len(waiting[partition]))):
            message = waiting[partition].popleft()
            past.append(message)
            found += [message] * chance.choice((1, 1, 1, 2, 3))
            found += chance.sample(past, min(len(past), chance.choice((0, 0, 0, 1, 4))))
        if not waiting[partition]:
            del waiting[partition]
    return found


def portions(
    told: Mapping[str, list[Message]], manner: str, chance: Random
) -> Iterator[list[Message]]:
    """What is sent before the listener hears again: a whole topic, or a few facts of either."""
    if manner == "trickling":
        left = {speaker: deque(messages) for speaker, messages in told.items() if messages}
        while left:
            queue = left[speaker := chance.choice(sorted(left))]
            yield [queue.popleft() for _ in range(min(chance.randint(1, 60), len(queue)))]
            if not queue:
                del left[speaker]
    else:
        first = manner.removesuffix(" first")
        for speaker in sorted(told, key=lambda speaker: speaker != first):
            yield told[speaker]


def exported(cagette: World, what: str) -> str:
    """What `cagette export` writes."""
    return as_csv(*EXPORTS[what](cagette.home.views["billing"], LATER))


def bills_of(cagette: World) -> Bills:
    """What the exports say; a home that only listens is not asked to catch up."""
    texts = (exported(cagette, what) for what in ("fees", "invoices", "transfers"))
    return billed(*(list(csv.DictReader(io.StringIO(text))) for text in texts))


def hear(listener: World, chance: Random) -> None:
    """Let billing hear what there is; now and then as after a start, which reads everything."""
    worker = listener.home.workers["billing"]
    if worker.source and chance.random() < 0.3:
        worker.source.close()
    for _ in worker.steps():
        pass


def batches(steps: Iterable[Step]) -> Iterator[tuple[list[Notice], list[Step]]]:
    """What is told together, and the payouts and closes that follow."""
    notices: list[Notice] = []
    asks: list[Step] = []
    for step in steps:
        if step[0] != "tell":
            asks.append(step)
            continue
        if asks:
            yield notices, asks
            notices, asks = [], []
        notices.append(step[1])
    yield notices, asks


def ask(cagette: World, asks: Iterable[Step]) -> None:
    """Settle and close."""
    for step in asks:
        if step[0] == "payout":
            cagette.payout(step[1])
        elif step[0] == "close":
            cagette.close(step[1])


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_facts_in_disorder_give_the_same_bills(
    cagette: World, listener: World, topics: Topics, seed: int
) -> None:
    chance, steps = Random(seed), hard_season(seed)
    before: dict[str, list[Message]] = {"gateway": [], "training": []}
    reached = dict.fromkeys(before, 0)
    for number, (notices, asks) in enumerate(batches(steps), start=seed):
        cagette.told(*notices)
        told: dict[str, list[Message]] = {}
        for house in (cagette.home.gateway, cagette.home.training):
            fresh, reached[house.name] = house.told(reached[house.name], 1_000_000)
            told[house.name] = disordered(fresh, before[house.name], chance)
            before[house.name] += fresh
        for portion in portions(told, MANNERS[number % len(MANNERS)], chance):
            topics.send(portion)
            hear(listener, chance)
        ask(cagette, asks)
        ask(listener, asks)
    hear(listener, chance)
    cagette.home.caught_up()
    assert topics.copies > len(topics.told) // 2
    assert topics.ghosts > len(topics.told) // 4
    for what in ("invoices", "transfers", "producers"):
        assert exported(listener, what) == exported(cagette, what)
    assert bills_of(listener) == cagette.bills() == recount(steps)
    assert parked_keys(listener.home.billing.log.begin()) == {}
    assert listener.violations() == []
