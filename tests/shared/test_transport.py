"""The contract of every transport: what a listener may rely on, whatever lies between."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.home import Home
from shared.facts.envelope import Message
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.kafka import Broker
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.source import FactSource
from tests.support.notices import distribution, market, producer, session, unvalidation
from tests.support.world import World, world


class Transport:
    """A transport between the houses of a home, as the tests of the contract need it."""

    def __init__(self, cagette: World, broker: Broker | None) -> None:
        self.cagette = cagette
        self._broker = broker
        self._open: list[FactSource] = []

    def source(self) -> FactSource:
        """A listener's source, as it is at a start."""
        home: Home = self.cagette.home
        fresh: FactSource
        if self._broker:
            fresh = KafkaSource(self._broker, ["gateway", "training"])
        else:
            fresh = EmbeddedSource([home.gateway, home.training])
        self._open.append(fresh)
        return fresh

    def close(self) -> None:
        """Close all sources."""
        for source in self._open:
            source.close()


@pytest.fixture(params=["embedded", "kafka"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    """Each transport in turn, over houses that told a few things."""
    deployed: dict[str, Any] = {}
    broker = None
    if request.param == "kafka":
        deployed = request.getfixturevalue("broker")
        deployed |= {"database_url": request.getfixturevalue("database_url")}
        broker = Broker(deployed["kafka_bootstrap"], deployed["kafka_prefix"])
    with world(tmp_path / "home", **deployed) as cagette:
        cagette.told(market(), producer("1"), producer("2"), session())
        for number in range(1, 6):
            sold = distribution("D1", sales={"1": 100 * number, "2": 100}, validation_no=number)
            cagette.told(sold)
        between = Transport(cagette, broker)
        yield between
        between.close()


def everything(source: FactSource, limit: int, heard: Mapping[str, int]) -> list[Message]:
    """Poll to the end, as a listener does."""
    reached, found = dict(heard), []
    while batch := source.poll(reached, limit):
        assert len(batch) <= limit
        found += batch
        reached |= {message.stream: message.position for message in batch}
    return found


@pytest.mark.parametrize("limit", [1, 2, 7, 500])
def test_everything_comes_once_and_in_the_order_in_which_it_was_told(
    transport: Transport, limit: int
) -> None:
    messages = everything(transport.source(), limit, {})
    by_stream: dict[str, list[int]] = {}
    for message in messages:
        by_stream.setdefault(message.stream, []).append(message.position)
    assert all(positions == sorted(set(positions)) for positions in by_stream.values())
    told, _ = transport.cagette.home.gateway.told(0, 10_000)
    came = sorted((m for m in messages if m.speaker == "gateway"), key=lambda m: m.position)
    assert [replace(m, partition=0) for m in came] == told


def test_what_is_about_one_producer_comes_in_one_stream(transport: Transport) -> None:
    streams: dict[str, set[str]] = {}
    for message in everything(transport.source(), 500, {}):
        streams.setdefault(f"{message.speaker}:{message.key}", set()).add(message.stream)
    assert all(len(names) == 1 for names in streams.values())


def test_the_tails_are_the_last_of_what_was_told(transport: Transport) -> None:
    source = transport.source()
    last = {message.stream: message.position for message in everything(source, 500, {})}
    assert source.tails() == last


def test_a_listener_goes_on_from_what_it_has_heard(transport: Transport) -> None:
    messages = everything(transport.source(), 500, {})
    middle = messages[len(messages) // 2]
    again = everything(transport.source(), 500, {middle.stream: middle.position})
    later = [m for m in messages if m.stream == middle.stream and m.position > middle.position]
    assert [m for m in again if m.stream == middle.stream] == later


def test_a_listener_that_goes_back_hears_everything_again(transport: Transport) -> None:
    source = transport.source()
    first = everything(source, 500, {})
    again = everything(source, 3, {})
    assert sorted(again, key=place) == sorted(first, key=place)


def test_a_listener_that_did_not_take_a_batch_gets_it_again(transport: Transport) -> None:
    source = transport.source()
    lost = source.poll({}, 3)
    found = everything(source, 500, {})
    assert set(map(place, lost)) <= set(map(place, found))
    assert len(found) == len(set(map(place, found)))


def place(message: Message) -> tuple[str, int]:
    """The stream and position that name a message."""
    return message.stream, message.position


def test_what_is_told_later_comes_later_even_after_silence(transport: Transport) -> None:
    source = transport.source()
    heard = {m.stream: m.position for m in everything(source, 500, {})}
    assert source.poll(heard, 500) == []
    transport.cagette.told(unvalidation("D1", 5))
    later = everything(source, 500, heard)
    assert {message.key for message in later} == {"1", "2"}


def test_a_message_carries_what_identifies_it(transport: Transport) -> None:
    message = next(m for m in everything(transport.source(), 1, {}) if m.key == "1606")
    said = (message.type, message.position, message.time.isoformat(), message.key, "")
    digest = sha256("\n".join(map(str, said)).encode() + message.value).hexdigest()
    assert message.headers() == {
        "ce_specversion": "1.0",
        "ce_id": f"gateway:{message.position}",
        "ce_source": "/cagette/gateway",
        "ce_type": "cagette.gateway.MarketOpened.v1",
        "ce_time": message.time.isoformat(),
        "ce_subject": "1606",
        "ce_dataschema": "/schemas/cagette.gateway.MarketOpened.v1.json",
        "ce_sequence": str(message.position),
        "content-type": "application/json",
        "ce_digest": digest,
    }
