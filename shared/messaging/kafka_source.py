"""What a listener reads from Kafka: all partitions of some topics, without a group.

A group stalls for minutes after a broker crashes; here the listener's own positions are the only
truth, and nothing is committed to the broker.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, KafkaTimeoutError

from shared.facts.envelope import STRANGER, Message, received
from shared.messaging.kafka import (
    BOOTSTRAP_MS,
    PARTITIONS,
    RECONNECT_MS,
    Broker,
    ClosesOnFailure,
    check_client,
    partition_of,
)
from shared.messaging.source import BATCH, BrokerAway, RecordCorrupt

POLL_MS = 10
"""How long a poll waits for news, or before it asks for the end; news is taken at once."""
EMPTY_POLLS_PER_CHECK = 500
"""One in this many empty polls asks where the end is: only that reveals an outage.

Of several brokers, one that is away goes unnoticed while others give news; `status` notices it.
"""
ANSWER_MS = 5_000
"""A broker that has not said by then where its topics end, and with what, counts as away."""
GIVE_UP_SECONDS = 60
"""A broker that has more but has given nothing of it for this long counts as away."""
SHORT_FETCH_MS = 25
"""A waiting fetch holds up all other requests on its connection, such as the one for the end."""
LONG_FETCH_MS = 100
"""A consumer that does not ask where the end is need not fetch so often.

This is how long a record may wait if it arrives while earlier ones of its partition are about to
be taken: the client's next fetch leaves that partition out (`_fetchable_partitions`).
"""


class _Consumer(ClosesOnFailure, KafkaConsumer):  # type: ignore[misc]
    """The client's consumer."""


class _Given(NamedTuple):
    """The last batch of a partition: where to go back to if the listener did not take it."""

    offset: int
    """The offset of its first record."""
    before: Mapping[str, int]
    """What was heard before it of both streams of the partition: the speaker's, a stranger's."""
    last: Mapping[str, int]
    """The last position of each stream in it."""


class KafkaSource:
    """What some speakers told, read from all partitions of their topics."""

    waits = True

    def __init__(self, broker: Broker, speakers: Sequence[str]) -> None:
        check_client()
        self._broker = broker
        self._speakers = {broker.topic_of(speaker): speaker for speaker in speakers}
        self._consumer: KafkaConsumer | None = None
        self._quiet = 0
        """How many polls in a row have given nothing."""
        self._given: dict[TopicPartition, _Given] = {}

    def poll(self, heard: Mapping[str, int], limit: int, *, surely: bool = True) -> list[Message]:
        """Up to `limit` messages beyond what was heard; raises BrokerAway if Kafka fails."""
        self._quiet += 1
        surely = surely or self._quiet % EMPTY_POLLS_PER_CHECK == 0
        try:
            with self._answering():
                found = self._polled(heard, limit, surely=surely)
        except BrokerAway:
            self.close()
            raise
        self._quiet = 0 if found else self._quiet
        return found

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise BrokerAway for whatever goes wrong meanwhile."""
        try:
            yield
        except CorruptRecordError as reason:
            raise RecordCorrupt(
                f"A record on {self._broker} is corrupt ({reason}): rebuild the topics, `cagette "
                "topics rebuild --anew`."
            ) from reason
        except (KafkaError, OSError) as reason:
            raise BrokerAway(f"Could not read from {self._broker}: {reason!r}") from reason

    def _polled(self, heard: Mapping[str, int], limit: int, *, surely: bool) -> list[Message]:
        if self._consumer is None:
            wait_ms = SHORT_FETCH_MS if surely else LONG_FETCH_MS
            self._consumer, self._given = self._built(wait_ms), {}
        consumer = self._consumer
        self._go_back(consumer, heard)
        came = time.monotonic()
        while time.monotonic() < came + GIVE_UP_SECONDS:
            batch = consumer.poll(POLL_MS, max_records=limit)
            came = time.monotonic() if batch else came
            fresh = [m for tp, records in batch.items() for m in self._fresh(tp, records, heard)]
            if fresh or (not batch and not (surely and _is_before_end(consumer))):
                return fresh
        raise KafkaTimeoutError(f"nothing arrived within {GIVE_UP_SECONDS} s, though there is more")

    def _go_back(self, consumer: KafkaConsumer, heard: Mapping[str, int]) -> None:
        for tp, given in list(self._given.items()):
            if _is_short(heard, given.before):
                consumer.seek_to_beginning(tp)
            elif _is_short(heard, given.last):
                consumer.seek(tp, given.offset)
            else:
                continue
            del self._given[tp]

    def _fresh(
        self, tp: TopicPartition, records: Sequence[Any], heard: Mapping[str, int]
    ) -> list[Message]:
        speaker = self._speakers[tp.topic]
        messages = [_message(speaker, record) for record in records]
        fresh = [m for m in messages if m.position > heard.get(m.stream, 0)]
        if fresh:
            streams = (f"{speaker}/{tp.partition}", f"{STRANGER}{speaker}/{tp.partition}")
            before = {stream: heard.get(stream, 0) for stream in streams}
            self._given[tp] = _Given(records[0].offset, before, _last(fresh))
        return fresh

    def tails(self) -> dict[str, int]:
        """The position of the last message of every partition, by the stream it belongs to."""
        with self._answering():
            consumer = self._built(SHORT_FETCH_MS)
            try:
                return self._tails(consumer)
            finally:
                consumer.close(autocommit=False, timeout_ms=1_000)

    def stream_of(self, message: Message) -> str:
        """The stream of the partition that its key leads to."""
        return replace(message, partition=partition_of(message.key)).stream

    def _tails(self, consumer: KafkaConsumer) -> dict[str, int]:
        """If a partition ends with a transaction's marker, its last record stands further back."""
        ends = consumer.end_offsets(list(consumer.assignment()), ANSWER_MS)
        back = {tp: 1 for tp, end in ends.items() if end > 0}
        for tp in ends.keys() - back.keys():
            consumer.pause(tp)
        for tp in back:
            consumer.seek(tp, ends[tp] - 1)
        messages: list[Message] = []
        give_up = time.monotonic() + ANSWER_MS / 1_000
        while back:
            if time.monotonic() > give_up:
                raise KafkaTimeoutError(f"no answer on how {len(back)} partitions end")
            for tp, records in consumer.poll(timeout_ms=POLL_MS).items():
                back.pop(tp, None)
                messages += [_message(self._speakers[tp.topic], record) for record in records]
            for tp in [tp for tp in back if _place(consumer, tp) >= ends[tp]]:
                if back[tp] >= ends[tp]:
                    del back[tp]  # it holds nothing but markers
                else:
                    back[tp] *= 2
                    consumer.seek(tp, max(0, ends[tp] - back[tp]))
        return _last(messages)

    def _built(self, wait_ms: int) -> KafkaConsumer:
        consumer = _Consumer(
            bootstrap_servers=self._broker.bootstrap,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            client_id="listener",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_poll_records=BATCH,
            fetch_max_wait_ms=wait_ms,
            reconnect_backoff_max_ms=RECONNECT_MS,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        partitions = [TopicPartition(t, n) for t in self._speakers for n in range(PARTITIONS)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        return consumer

    def close(self) -> None:
        """Close the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            with contextlib.suppress(KafkaError, OSError):
                consumer.close(autocommit=False, timeout_ms=1_000)


def _message(speaker: str, record: Any) -> Message:
    """A record as a message; the bytes are not trusted before the house opens them."""
    headers = {name: value for name, value in record.headers if value is not None}
    return received(speaker, record.partition, record.offset, record.key, headers, record.value)


def _last(messages: Sequence[Message]) -> dict[str, int]:
    """The highest position of each stream; what was published again does not come in order."""
    found: dict[str, int] = {}
    for message in messages:
        found[message.stream] = max(message.position, found.get(message.stream, 0))
    return found


def _is_short(heard: Mapping[str, int], of: Mapping[str, int]) -> bool:
    """Whether less was heard of any stream than the other mapping says."""
    return any(heard.get(stream, 0) < position for stream, position in of.items())


def _is_before_end(consumer: KafkaConsumer) -> bool:
    ends = consumer.end_offsets(list(consumer.assignment()), ANSWER_MS)
    return any(_place(consumer, tp) < end for tp, end in ends.items())


def _place(consumer: KafkaConsumer, tp: TopicPartition) -> int:
    """The offset to be read next; raises KafkaTimeoutError if the broker does not say it."""
    offset: int | None = consumer.position(tp, ANSWER_MS)
    if offset is None:
        raise KafkaTimeoutError(f"no answer on where {tp.topic} begins")
    return offset
