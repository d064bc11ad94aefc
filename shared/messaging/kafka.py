"""The Kafka transport: one topic a speaking house, six partitions, no group, no deserializer.

What names a message is its speaker's log position, in the header `ce_sequence`; an offset only
says where it lies. A relay that starts again may publish again, and a send that failed may still
be written: listeners take each position once. Known bugs of kafka-python 3.0.12 (design.md §4)
are met by force-closing and rebuilding a client after any failure.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.record import util

from shared.facts.envelope import Message, received
from shared.kernel.errors import Refusal
from shared.messaging.source import BrokerAway, Speaker

PARTITIONS = 6
RECONNECT_MS = 1_000
"""The client's default would sleep 30 s after a long outage."""
BOOTSTRAP_MS = 5_000
MAXIMUM_VALUE_BYTES = 900_000
DELIVERY_MS = 60_000
FLUSH_SECONDS = 75
POLL_MS = 200
FETCH_WAIT_MS = 25
"""A fetch that waits holds up every other request of its connection."""
TOPIC_CONFIGS = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "1048576"}
"""Facts are kept for ever, so that a house can be made again from the topics alone."""


class SlowChecksums(Refusal):
    """The package crc32c is missing, without which the client is many times slower."""

    name = "slow-checksums"


@dataclass(frozen=True)
class Broker:
    """Where Kafka is, and the first word of the topics' names."""

    bootstrap: str
    prefix: str = "cagette"

    def __str__(self) -> str:
        return f"Kafka at {self.bootstrap}"

    def topic_of(self, house: str) -> str:
        """The topic on which a house tells."""
        return f"{self.prefix}.{house}.facts.v1"


def check_client() -> None:
    """Refuse to work without the checksums in C."""
    if util.crc32c_c is None:
        raise SlowChecksums("Install kafka-python with its crc32c extra: `make setup` does.")


def create_topics(broker: Broker, houses: Sequence[str]) -> None:
    """Make the topics that are missing."""
    wanted = {
        broker.topic_of(house): {
            "num_partitions": PARTITIONS,
            "replication_factor": -1,
            "configs": TOPIC_CONFIGS,
        }
        for house in houses
    }
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=broker.bootstrap, bootstrap_timeout_ms=BOOTSTRAP_MS
        )
        try:
            for topic, options in wanted.items():
                with contextlib.suppress(TopicAlreadyExistsError):
                    admin.create_topics({topic: options}, wait_for_metadata=True)
        finally:
            admin.close()
    except KafkaError as reason:
        raise BrokerAway(f"{broker} does not answer: {reason!r}") from reason


class KafkaRelay:
    """Publishes what one house tells. One at a time: its worker holds the worker's lease."""

    PAGE = 1_000
    """Events a round, and so the bound of what is in flight."""

    def __init__(self, broker: Broker, speaker: Speaker) -> None:
        check_client()
        self._broker = broker
        self._speaker = speaker
        self._producer: KafkaProducer | None = None

    def publish(self, after: int) -> int:
        """Publish the next page after a position; how far that reaches, all of it acknowledged.

        Raises BrokerAway on any failure: what of it was written is unknown, so it is to be
        published again from the same position.
        """
        messages, reached = self._speaker.told(after, self.PAGE)
        if messages:
            try:
                self._send(messages)
            except (KafkaError, OSError) as reason:
                self.close()
                raise BrokerAway(f"{self._broker} took nothing: {reason!r}") from reason
        return reached

    def _send(self, messages: Sequence[Message]) -> None:
        if self._producer is None:
            self._producer = self._built()
        topic = self._broker.topic_of(self._speaker.name)
        futures = []
        for message in messages:
            headers = [(name, value.encode()) for name, value in message.headers().items()]
            key, value = message.key.encode(), message.value
            futures.append(self._producer.send(topic, value, key=key, headers=headers))
        give_up = time.monotonic() + FLUSH_SECONDS
        for future in futures:
            future.get(timeout=max(0.0, give_up - time.monotonic()))

    def _built(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self._broker.bootstrap,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            client_id=f"{self._speaker.name}-relay",
            acks="all",
            enable_idempotence=True,
            max_in_flight_requests_per_connection=5,
            linger_ms=5,
            batch_size=131_072,
            max_request_size=MAXIMUM_VALUE_BYTES,
            request_timeout_ms=10_000,
            delivery_timeout_ms=DELIVERY_MS,
            max_block_ms=10_000,
            reconnect_backoff_max_ms=RECONNECT_MS,
            allow_auto_create_topics=False,
        )

    def close(self) -> None:
        """Force-close the producer: its own close waits for what may never come (B4)."""
        producer, self._producer = self._producer, None
        if producer:
            sender = producer._sender
            sender.force_close()
            sender.join(5)
            with contextlib.suppress(KafkaError):
                producer.close(timeout=1)


class KafkaSource:
    """What some speakers told, read from all partitions of their topics."""

    def __init__(self, broker: Broker, speakers: Sequence[str]) -> None:
        check_client()
        self._broker = broker
        self._speakers = {broker.topic_of(speaker): speaker for speaker in speakers}
        self._consumer: KafkaConsumer | None = None
        self._given: dict[TopicPartition, tuple[int, int, int]] = {}
        """By partition, of the last batch: position heard before, its first offset, its last
        position: where to go back to when a listener did not take it."""

    def poll(self, heard: Mapping[str, int], limit: int) -> list[Message]:
        """Up to `limit` messages beyond what is heard; raises BrokerAway when none can be had."""
        try:
            if self._consumer is None:
                self._consumer, self._given = self._built(limit), {}
            consumer = self._consumer
            self._go_back(consumer, heard)
            while True:
                batch = consumer.poll(timeout_ms=POLL_MS, max_records=limit)
                fresh = [
                    m for tp, records in batch.items() for m in self._fresh(tp, records, heard)
                ]
                if fresh or (not batch and self._is_at_end(consumer)):
                    return fresh
        except (KafkaError, OSError) as reason:
            self.close()
            raise BrokerAway(f"{self._broker} gave nothing: {reason!r}") from reason

    def _go_back(self, consumer: KafkaConsumer, heard: Mapping[str, int]) -> None:
        for tp, (before, offset, last) in list(self._given.items()):
            reached = heard.get(f"{self._speakers[tp.topic]}/{tp.partition}", 0)
            if reached < before:
                consumer.seek_to_beginning(tp)
            elif reached < last:
                consumer.seek(tp, offset)
            else:
                continue
            del self._given[tp]

    def _fresh(
        self, tp: TopicPartition, records: Sequence[Any], heard: Mapping[str, int]
    ) -> list[Message]:
        speaker = self._speakers[tp.topic]
        messages = [_message(speaker, record) for record in records]
        fresh = [m for m in messages if m.position > heard.get(m.stream, 0)]
        told = [m.position for m in fresh if m.speaker == speaker]
        if told:
            before = heard.get(f"{speaker}/{tp.partition}", 0)
            self._given[tp] = (before, records[0].offset, max(told))
        return fresh

    def _is_at_end(self, consumer: KafkaConsumer) -> bool:
        ends = consumer.end_offsets(list(consumer.assignment()))
        return all(consumer.position(tp) >= end for tp, end in ends.items())

    def tails(self) -> dict[str, int]:
        """The position of the last message of every stream that has any."""
        try:
            consumer = self._built(PARTITIONS)
            try:
                return self._tails(consumer)
            finally:
                consumer.close(autocommit=False, timeout_ms=1_000)
        except (KafkaError, OSError) as reason:
            raise BrokerAway(f"{self._broker} gave nothing: {reason!r}") from reason

    def _tails(self, consumer: KafkaConsumer) -> dict[str, int]:
        ends = consumer.end_offsets(list(consumer.assignment()))
        waiting = {tp for tp, end in ends.items() if end > 0}
        for tp in waiting:
            consumer.seek(tp, ends[tp] - 1)
        for tp in set(ends) - waiting:
            consumer.pause(tp)
        found: dict[str, int] = {}
        while waiting:
            for tp, records in consumer.poll(timeout_ms=POLL_MS).items():
                waiting.discard(tp)
                for record in records:
                    message = _message(self._speakers[tp.topic], record)
                    found[message.stream] = max(message.position, found.get(message.stream, 0))
        return found

    def _built(self, limit: int) -> KafkaConsumer:
        consumer = KafkaConsumer(
            bootstrap_servers=self._broker.bootstrap,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            client_id="listener",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_poll_records=limit,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            reconnect_backoff_max_ms=RECONNECT_MS,
            allow_auto_create_topics=False,
        )
        partitions = [TopicPartition(t, n) for t in self._speakers for n in range(PARTITIONS)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        return consumer

    def close(self) -> None:
        """Let go of the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            with contextlib.suppress(KafkaError, OSError):
                consumer.close(autocommit=False, timeout_ms=1_000)


def _message(speaker: str, record: Any) -> Message:
    """A record as a message; the bytes are not trusted before the house opens them."""
    headers = {name: value for name, value in record.headers if value is not None}
    return received(speaker, record.partition, record.offset, record.key, headers, record.value)
