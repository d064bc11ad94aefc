"""A broker in memory, and the two clients for it that the Kafka library would give.

Our relay and our source run on them unchanged. The broker keeps the order that Kafka keeps: that in
which one producer sent to one partition. It loses acknowledgements, writes late what a producer
gave up, serves partitions in any order and in small pieces, and is away at times.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from shared.messaging.kafka import PARTITIONS, Broker, KafkaRelay
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.source import BATCH, Speaker
from tests.simulation.faults import Fate

ANYWHERE = Broker("memory:0")


class Record(NamedTuple):
    """One record of a partition."""

    offset: int
    key: bytes
    headers: Sequence[tuple[str, bytes]]
    value: bytes
    topic: str
    partition: int


class Sent(NamedTuple):
    """What a producer sends."""

    to: TopicPartition
    key: bytes
    headers: Sequence[tuple[str, bytes]]
    value: bytes


@dataclass
class SimulatedBroker:
    """Topics in memory; `away` for that many more tries, `late` is what it has yet to write."""

    fate: Fate
    records: dict[TopicPartition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    away: int = 0
    late: list[list[Sent]] = field(default_factory=list)

    def answers(self) -> bool:
        """Whether it answers this time."""
        if self.fate.merciful:
            self.away = 0
        elif self.fate.strikes(self.fate.rates.broker_away):
            self.away = self.fate.chance.randint(2, 30)
            self.fate.say(f"the broker is away for {self.away} tries")
        self.away = max(0, self.away - 1)
        return not self.away

    def write(self, sent: Sent) -> None:
        """Append one record to its partition."""
        records = self.records[sent.to]
        record = Record(len(records), sent.key, sent.headers, sent.value, *sent.to)
        records.append(record)
        self.fate.changes += 1

    def take(self, batch: Sequence[Sent]) -> bool:
        """Take what was sent together; returns whether all of it is acknowledged.

        If not, each partition gets a prefix or all of it; the rest may come later, in order.
        """
        if self.answers() and not self.fate.strikes(self.fate.rates.answer_lost * 5):
            for sent in batch:
                self.write(sent)
            return True
        by_partition: dict[TopicPartition, list[Sent]] = defaultdict(list)
        for sent in batch:
            by_partition[sent.to].append(sent)
        for part in by_partition.values():
            reached = 0 if self.away else self.fate.chance.randint(0, len(part))
            for sent in part[:reached]:
                self.write(sent)
            if part[reached:] and self.fate.chance.random() < 0.5:
                self.late.append(part[reached:])
        self.fate.say(f"of {len(batch)} facts none is acknowledged")
        return False

    def write_late(self) -> None:
        """Write a prefix of what a producer gave up long ago."""
        part = self.late.pop(self.fate.chance.randrange(len(self.late)))
        reached = self.fate.chance.randint(1, len(part))
        self.fate.say(f"{reached} facts come late")
        for sent in part[:reached]:
            self.write(sent)


class Future:
    """The outcome of a send, once there is one."""

    def __init__(self, decide: Callable[[], None]) -> None:
        self._decide = decide
        self._errbacks: list[Callable[[Exception], None]] = []
        self.is_acknowledged: bool | None = None

    def add_errback(self, errback: Callable[[Exception], None]) -> "Future":
        """Call it if the send fails."""
        self._errbacks.append(errback)
        return self

    def settle(self, acknowledged: bool) -> None:
        """Set the outcome."""
        self.is_acknowledged = acknowledged
        for errback in () if acknowledged else self._errbacks:
            errback(KafkaTimeoutError("not acknowledged"))

    def get(self, timeout: float) -> None:
        """Wait for the outcome; raises KafkaTimeoutError if the send failed."""
        if self.is_acknowledged is None:
            self._decide()
        if not self.is_acknowledged:
            raise KafkaTimeoutError("not acknowledged")


class SimulatedProducer:
    """What the relay uses of `KafkaProducer`."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._waiting: list[tuple[Sent, Future]] = []
        self._sender = SimpleNamespace(force_close=lambda: None, join=lambda _: None)

    def send(
        self, topic: str, value: bytes, *, key: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> Future:
        """Send a record to the partition of its key."""
        to = TopicPartition(topic, zlib.crc32(key) % PARTITIONS)
        future = Future(self._flush)
        self._waiting.append((Sent(to, key, headers, value), future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        is_taken = self._broker.take([sent for sent, _ in waiting])
        for _, future in waiting:
            future.settle(is_taken)

    def close(self, timeout: float) -> None:
        """Nothing is held."""


class SimulatedConsumer:
    """What the source uses of `KafkaConsumer`."""

    def __init__(self, broker: SimulatedBroker, topics: Sequence[str], limit: int) -> None:
        self._broker = broker
        self._limit = limit
        self._at = {TopicPartition(t, n): 0 for t in topics for n in range(PARTITIONS)}
        self._paused: set[TopicPartition] = set()

    @property
    def _chance(self) -> Random:
        return self._broker.fate.chance

    def poll(self, timeout_ms: int, max_records: int | None = None) -> dict[Any, list[Record]]:
        """Some records of some partitions; nothing while the broker is away."""
        if not self._broker.answers():
            return {}
        ready = [
            tp
            for tp, offset in self._at.items()
            if tp not in self._paused and offset < len(self._broker.records[tp])
        ]
        found: dict[Any, list[Record]] = {}
        left = min(max_records or self._limit, self._chance.choice((1, 3, 20, 500)))
        for tp in self._chance.sample(ready, len(ready)):
            records = self._broker.records[tp][self._at[tp] :][:left]
            if records:
                found[tp] = records
                self._at[tp] += len(records)
                left -= len(records)
        return found

    def assignment(self) -> set[TopicPartition]:
        """All partitions of its topics."""
        return set(self._at)

    def end_offsets(self, partitions: Sequence[TopicPartition], timeout_ms: int) -> dict[Any, int]:
        """Where each partition ends; raises if the broker is away."""
        if self._broker.away:
            raise KafkaConnectionError("the broker is away")
        return {tp: len(self._broker.records[tp]) for tp in partitions}

    def position(self, tp: TopicPartition, timeout_ms: int) -> int:
        """The offset that it reads next."""
        return self._at[tp]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Read on from an offset."""
        self._at[tp] = offset

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Read all of some partitions again."""
        self._at |= dict.fromkeys(partitions, 0)

    def pause(self, tp: TopicPartition) -> None:
        """Read nothing of a partition."""
        self._paused.add(tp)

    def close(self, *, autocommit: bool, timeout_ms: int) -> None:
        """Nothing is held."""


class SimulatedRelay(KafkaRelay):
    """Our relay, to the broker in memory, often with pages so short that a log has many."""

    def __init__(self, broker: SimulatedBroker, speaker: Speaker) -> None:
        super().__init__(ANYWHERE, speaker)
        self.PAGE = broker.fate.chance.choice((3, 20, 1_000))
        self._simulated = broker

    def _built(self) -> Any:
        return SimulatedProducer(self._simulated)


class SimulatedSource(KafkaSource):
    """Our source, from the broker in memory."""

    def __init__(self, broker: SimulatedBroker, speakers: Sequence[str]) -> None:
        super().__init__(ANYWHERE, speakers)
        self._simulated = broker
        self._topics = [ANYWHERE.topic_of(speaker) for speaker in speakers]

    def _built(self, wait_ms: int) -> Any:
        return SimulatedConsumer(self._simulated, self._topics, BATCH)
