"""The Kafka transport: one topic per speaking house, six partitions, no group, no deserializer.

A message is identified by its speaker's log position, in the header `ce_sequence`; an offset only
says where it lies. A relay that restarts may publish again, and a send that failed may still be
written: listeners take each position once. Known bugs of kafka-python 3.0.12, shown by
`tests/reliability/test_client_bugs.py`, are met by force-closing and rebuilding a client after any
failure.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.partitioner.default import murmur2
from kafka.record import util

from shared.facts.envelope import Message
from shared.kernel.errors import Refusal
from shared.messaging.source import BrokerAway, Published, Speaker

PARTITIONS = 6
RECONNECT_MS = 1_000
"""By default the client would sleep 30 s after a long outage."""
BOOTSTRAP_MS = 5_000
MAXIMUM_RECORD_BYTES = 900_000
"""A fact with its key and headers; a topic's limit counts the whole batch that it comes in."""


class SlowChecksums(Refusal):
    """The package crc32c is missing, without which the client is many times slower."""

    name = "slow-checksums"


class FactTooLarge(Refusal):
    """A fact that its topic does not take: retrying would be in vain."""

    name = "fact-too-large"


@dataclass(frozen=True)
class Patience:
    """How long a relay waits for an answer to a request, and for a delivery to be acknowledged."""

    request_ms: int = 10_000
    delivery_ms: int = 60_000

    @property
    def seconds(self) -> int:
        """After this long nothing more will come: the client may have lost it (B1)."""
        return (self.delivery_ms + self.request_ms) // 1_000 + 5


PATIENCE = Patience()


@dataclass(frozen=True)
class Broker:
    """Where Kafka is, and the first word of its topics' names."""

    bootstrap: str
    prefix: str = "cagette"

    def __str__(self) -> str:
        return f"Kafka at {self.bootstrap}"

    def topic_of(self, house: str) -> str:
        """The topic on which a house tells."""
        return f"{self.prefix}.{house}.facts.v1"


class ClosesOnFailure:
    """Releases what a client took if it cannot be made: otherwise a thread and four files leak.

    Stands before the client's own class among the bases.
    """

    _client: Any

    def __init__(self, **config: Any) -> None:
        try:
            super().__init__(**config)
        except KafkaError:
            self._client.close()
            raise


def partition_of(key: str) -> int:
    """The partition in which the client puts what is told under a key."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def check_client() -> None:
    """Refuse to work without the checksums in C."""
    if util.crc32c_c is None:
        raise SlowChecksums("Install kafka-python with its crc32c extra: `make setup` does.")


class KafkaRelay:
    """Publishes what one house tells. Only one at a time: its worker holds the worker's lease."""

    PAGE = 1_000
    """Events per round, and so the bound on what is in flight."""

    def __init__(self, broker: Broker, speaker: Speaker, patience: Patience = PATIENCE) -> None:
        check_client()
        self._broker = broker
        self._speaker = speaker
        self._patience = patience
        self._producer: KafkaProducer | None = None

    def publish(self, after: int) -> Published:
        """Publish the next page after a position.

        Raises BrokerAway on any failure: how much was written is unknown, so the page must be
        published again from the same position. Raises FactTooLarge if that would be in vain.
        """
        messages, reached = self._speaker.told(after, self.PAGE)
        if messages:
            try:
                self._send(messages)
            except (KafkaError, OSError) as reason:
                self.close()
                if isinstance(reason, MessageSizeTooLargeError):
                    raise self._too_large(messages) from reason
                raise BrokerAway(f"Could not publish to {self._broker}: {reason!r}") from reason
        return Published(reached, len(messages))

    def _too_large(self, messages: Sequence[Message]) -> FactTooLarge:
        worst = max(messages, key=lambda message: len(message.value))
        return FactTooLarge(
            f"{worst.type} at position {worst.position} of {self._speaker.name} has "
            f"{len(worst.value)} bytes, more than its topic accepts."
        )

    def _send(self, messages: Sequence[Message]) -> None:
        """Send nothing after a failure: a later position without an earlier one would hide it."""
        producer = self._producer = self._producer or self._built()
        topic = self._broker.topic_of(self._speaker.name)
        give_up = time.monotonic() + self._patience.seconds
        reasons: list[Exception] = []

        def stop(reason: Exception) -> None:
            reasons.append(reason)
            producer._sender.force_close()

        try:
            futures = []
            for message in messages:
                key, headers = message.key.encode(), message.headers().items()
                encoded = [(name, value.encode()) for name, value in headers]
                future = producer.send(topic, message.value, key=key, headers=encoded)
                futures.append(future.add_errback(stop))
            for future in futures:
                future.get(timeout=max(0.0, give_up - time.monotonic()))
        except KafkaError as reason:
            raise next(iter(reasons), reason) from None

    def _built(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self._broker.bootstrap,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            client_id=f"{self._speaker.name}-relay",
            acks="all",
            enable_idempotence=True,
            max_in_flight_requests_per_connection=5,
            linger_ms=0,
            metrics_enabled=False,
            batch_size=131_072,
            max_request_size=MAXIMUM_RECORD_BYTES,
            request_timeout_ms=self._patience.request_ms,
            delivery_timeout_ms=self._patience.delivery_ms,
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
