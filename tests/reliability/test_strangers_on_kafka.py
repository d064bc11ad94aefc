"""What a stranger wrote on a topic is delivered until it is taken, like the speaker's own facts."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaProducer

from shared.facts.envelope import EPOCH, Message
from shared.messaging import kafka_source
from shared.messaging.kafka import Broker
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.kafka_topics import create_topics
from shared.messaging.source import BrokerAway

OWN, STRANGERS = "gateway/0", "stranger-on-gateway/0"


class Topic:
    """The first partition of the gateway's topic, and a client that writes there."""

    def __init__(self, at: Broker, sender: KafkaProducer) -> None:
        self.at = at
        self._sender = sender

    def write(self, *headers: dict[str, str]) -> None:
        """Write one record for each set of headers."""
        name = self.at.topic_of("gateway")
        for words in headers:
            encoded = [(name, word.encode()) for name, word in words.items()]
            self._sender.send(name, b"{}", key=b"1", headers=encoded, partition=0).get(30)


@pytest.fixture
def topic(broker: dict[str, str]) -> Iterator[Topic]:
    """A fresh topic."""
    at = Broker(broker["kafka_bootstrap"], broker["kafka_prefix"])
    create_topics(at, ["gateway"])
    with closing(KafkaProducer(bootstrap_servers=at.bootstrap, acks="all")) as sender:
        yield Topic(at, sender)


@pytest.fixture
def source(topic: Topic) -> Iterator[KafkaSource]:
    """A listener's source."""
    with closing(KafkaSource(topic.at, ["gateway"])) as fresh:
        yield fresh


def own(position: int) -> dict[str, str]:
    """The headers of a fact of the gateway's own."""
    return Message("gateway", position, "x", "1", EPOCH, b"{}").headers()


def given(source: KafkaSource, heard: dict[str, int], limit: int = 500) -> list[tuple[str, int]]:
    """What one poll gives."""
    return [(message.stream, message.position) for message in source.poll(heard, limit)]


def test_a_stranger_comes_again_until_it_was_taken(topic: Topic, source: KafkaSource) -> None:
    topic.write({}, {})
    for _ in range(2):
        assert given(source, {}) == [(STRANGERS, 1), (STRANGERS, 2)]
    assert given(source, {STRANGERS: 1}) == [(STRANGERS, 2)]
    assert given(source, {STRANGERS: 2}) == []


def test_a_stranger_behind_a_fact_comes_again_when_only_the_fact_was_taken(
    topic: Topic, source: KafkaSource
) -> None:
    topic.write(own(7), {})
    assert given(source, {}) == [(OWN, 7), (STRANGERS, 2)]
    assert given(source, {OWN: 7}) == [(STRANGERS, 2)]


def test_who_goes_back_after_a_batch_of_strangers_hears_the_facts_before_it_again(
    topic: Topic, source: KafkaSource
) -> None:
    topic.write(own(7), {})
    assert given(source, {}, 1) == [(OWN, 7)]
    assert given(source, {OWN: 7}, 1) == [(STRANGERS, 2)]
    assert given(source, {}, 1) == [(OWN, 7)]


class NotUtf8(str):
    """A word that goes out as bytes that are not text."""

    def encode(self, *_: object) -> bytes:
        return b"\xff"


def test_a_header_whose_name_is_no_text_is_a_spoilt_record_and_it_is_said_what_to_do(
    topic: Topic, source: KafkaSource
) -> None:
    topic.write({NotUtf8("odd"): ""})
    with pytest.raises(BrokerAway, match="topics rebuild --anew"):
        source.poll({}, 500)
    with pytest.raises(BrokerAway, match="topics rebuild --anew"):
        source.tails()


@pytest.mark.parametrize("transactions", [1, 3])
def test_the_mark_of_a_transaction_hides_no_tail(
    topic: Topic, source: KafkaSource, transactions: int
) -> None:
    topic.write(own(7))
    topic_name = topic.at.topic_of("gateway")
    settings = {"bootstrap_servers": topic.at.bootstrap, "transactional_id": topic_name}
    with closing(KafkaProducer(**settings)) as stranger:
        stranger.init_transactions()
        for _ in range(transactions):
            stranger.begin_transaction()
            stranger.send(topic_name, b"{}", key=b"1", partition=0)
            stranger.commit_transaction()
    last = 2 * transactions
    assert source.tails() == {STRANGERS: last}
    assert given(source, {}) == [(OWN, 7), *((STRANGERS, n) for n in range(2, last + 1, 2))]
    assert given(source, {OWN: 7, STRANGERS: last}) == []


def test_who_is_given_news_need_not_ask_where_the_end_is(
    topic: Topic, source: KafkaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(kafka_source, "EMPTY_POLLS_PER_CHECK", 3)
    monkeypatch.setattr(kafka_source, "_is_before_end", asked.append)
    assert source.poll({}, 500) == []
    assert len(asked) == 1  # a poll that must be sure asks at once
    topic.write(own(7))
    while not source.poll({}, 500, surely=False):
        asked.clear()
    for expected in (0, 0, 1):
        asked.clear()
        assert source.poll({OWN: 7}, 500, surely=False) == []
        assert len(asked) == expected


def test_a_broker_that_gives_nothing_of_what_it_has_is_taken_for_away(
    topic: Topic, source: KafkaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_source, "GIVE_UP_SECONDS", 1)
    assert source.poll({}, 500) == []
    consumer = source._consumer
    assert consumer is not None
    consumer.pause(*consumer.assignment())
    topic.write(own(7))
    with pytest.raises(BrokerAway, match="nothing arrived within 1 s"):
        source.poll({}, 500)
    assert given(source, {}) == [(OWN, 7)]
