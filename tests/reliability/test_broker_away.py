"""While the broker is away, a client tries again and again, and no try leaves anything behind."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaConsumer

from deploy.local.kafka import LocalKafka
from deploy.local.processes import free_port
from shared.facts.envelope import EPOCH, Message
from shared.messaging.kafka import PARTITIONS, Broker, KafkaRelay
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.kafka_topics import create_topics
from shared.messaging.source import BrokerAway
from tests.support.services import to_be_had

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""The client leaves refused sockets to the garbage collector, unless a log holds them."""


def listening(broker: Broker) -> None:
    with closing(KafkaSource(broker, ["gateway"])) as source:
        source.poll({}, 1)


def administering(broker: Broker) -> None:
    create_topics(broker, ["gateway"])


@pytest.mark.parametrize("trying", [listening, administering])
def test_a_try_that_fails_leaves_no_thread_behind(
    caplog: pytest.LogCaptureFixture, trying: Callable[[Broker], None]
) -> None:
    """Stock kafka-python leaves a thread and four open files for every client it cannot make."""
    caplog.set_level("CRITICAL", "kafka")
    before = threading.active_count()
    with pytest.raises(BrokerAway):
        trying(Broker(f"127.0.0.1:{free_port()}", "cagette"))
    assert threading.active_count() == before
    gc.collect()


HEARD = {f"gateway/{partition}": 1 for partition in range(PARTITIONS)}


class Told:
    """A speaker that told one fact."""

    name = "gateway"

    def head(self) -> int:
        return 1

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        return [Message(self.name, 1, "x", "1", EPOCH, b"{}")][after : after + limit], 1


@pytest.fixture
def kafka_of_its_own() -> Iterator[LocalKafka]:
    """A broker that may be killed."""
    with to_be_had(LocalKafka()) as kafka:
        yield kafka


@pytest.mark.timeout(60)
@pytest.mark.parametrize("asks", ["tails", "poll"])
def test_a_broker_that_dies_when_it_has_said_where_its_topics_end_is_away(
    kafka_of_its_own: LocalKafka,
    asks: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("CRITICAL", "kafka")
    at = Broker(kafka_of_its_own.bootstrap)
    create_topics(at, ["gateway"])
    with closing(KafkaRelay(at, Told())) as relay:
        assert relay.publish(0).reached == 1
    said = KafkaConsumer.end_offsets

    def last_words(consumer: Any, *asked: Any) -> Any:
        ends = said(consumer, *asked)
        consumer.seek_to_beginning()  # so that the broker has yet to say where they begin
        kafka_of_its_own.kill()
        return ends

    monkeypatch.setattr(KafkaConsumer, "end_offsets", last_words)
    with closing(KafkaSource(at, ["gateway"])) as source, pytest.raises(BrokerAway):
        source.tails() if asks == "tails" else source.poll(HEARD, 1)
    gc.collect()
