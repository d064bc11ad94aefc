"""`cagette topics rebuild` and `relay rewind`, on a real Kafka: told again, heard once."""

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.broker import broker_of
from deploy.cli.houses import HOUSES
from deploy.cli.operating import make_topics
from deploy.cli.relaying import remade, rewound
from deploy.cli.reliving import relived
from deploy.cli.topics import unlike_logs
from deploy.cli.verifying import _topics
from deploy.local.kafka import LocalKafka
from shared.eventstore.lease import HomeBusy
from shared.facts.envelope import Message
from shared.kernel.errors import NotValid
from shared.messaging.kafka import Broker, KafkaRelay
from shared.messaging.kafka_topics import delete_topics
from shared.messaging.source import BrokerAway, RecordCorrupt
from shared.settings import Settings
from tests.support.hard_season import hard_season
from tests.support.notices import distribution, market, producer
from tests.support.services import to_be_had
from tests.support.world import World, world


def lose_topics(settings: dict[str, Any]) -> None:
    """Deletes every topic, as if the broker had lost its disks."""
    broker = broker_of(Settings(**settings))
    assert broker
    delete_topics(broker, HOUSES)


def spoil(kafka: LocalKafka, topic: str) -> None:
    """Flip a bit in the middle of the largest segment of a topic, on the broker's disk."""
    segment = max(kafka.folder.glob(f"data/{topic}-*/*.log"), key=lambda file: file.stat().st_size)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)


def heads(cagette: World) -> dict[str, int]:
    """The head of each house's log."""
    return {house.name: house.log.head() for house in cagette.home.houses}


def test_topics_that_were_lost_are_made_again_from_the_logs_and_nothing_is_heard_twice(
    database_url: str, broker: dict[str, str], tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": database_url, "patience_seconds": 30, **broker}
    with world(tmp_path / "home", **settings) as cagette:
        steps = hard_season(7)
        cagette.do(steps)
        before, bills = heads(cagette), cagette.bills()
        for worker in cagette.home.workers.values():
            worker.close()
        lose_topics(broker)
        with pytest.raises(BrokerAway):
            relived(cagette.home, "billing")
        assert _topics(cagette.home) == ([], ("topics",))
        given = Settings(home=tmp_path / "home", **settings)
        assert remade(cagette.home, given, anew=False, dry_run=False) == before
        for name in HOUSES:
            assert relived(cagette.home, name).is_same, name
        cagette.home.caught_up()
        assert (heads(cagette), cagette.bills()) == (before, bills)
        relayed = cagette.home.gateway.relayed()
        assert rewound(cagette.home.workers["gateway"], relayed // 2, dry_run=False) == relayed
        cagette.home.caught_up()
        assert cagette.home.gateway.relayed() == relayed
        assert (heads(cagette), cagette.bills()) == (before, bills)
        with pytest.raises(NotValid, match="up to"):
            rewound(cagette.home.workers["gateway"], relayed + 1, dry_run=False)


def test_a_record_that_a_disk_spoilt_is_named_and_its_topic_is_made_anew(
    database_url: str, tmp_path: Path
) -> None:
    with to_be_had(LocalKafka()) as kafka:
        broker = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": "spoilt"}
        settings: dict[str, Any] = {"database_url": database_url, **broker}
        with world(tmp_path / "home", **settings) as cagette:
            cagette.told(market(), producer(), distribution())
            before, bills = heads(cagette), cagette.bills()
            spoil(kafka, "spoilt.gateway.facts.v1")
            for worker in cagette.home.workers.values():
                worker.close()
            with pytest.raises(BrokerAway, match="topics rebuild --anew"):
                cagette.home.caught_up()
            given = Settings(home=tmp_path / "home", **settings)
            again = partial(remade, cagette.home, given, anew=True, dry_run=False)
            with cagette.home.workers["billing"].lease.held(), pytest.raises(HomeBusy):
                again()
            with pytest.raises(RecordCorrupt, match="topics rebuild --anew"):
                cagette.home.caught_up()
            (said,), unseen = _topics(cagette.home)
            assert (said.startswith("topics: A record on "), unseen) == (True, ())
            assert again() == before
            assert list(unlike_logs(cagette.home)) == []
            cagette.home.caught_up()
            assert (heads(cagette), cagette.bills()) == (before, bills)
            assert relived(cagette.home, "billing").is_same


def test_what_topics_hold_otherwise_than_the_logs_tell_is_named(
    database_url: str, broker: dict[str, str], tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": database_url, **broker}
    with world(tmp_path / "home", **settings) as cagette:
        cagette.told(market(), producer(), distribution())
        told = {m.type.split(".")[2]: m for m in cagette.home.gateway.all_told()}
        names = ("MarketOpened", "MarketPaymentModeChanged", "ProducerEnrolled", "SalesValidated")
        opened, mode, enrolled, sold = (told[name] for name in names)
        positions = {message.position for message in told.values()}
        untold = next(n for n in range(1, cagette.home.gateway.head()) if n not in positions)
        other = replace(sold, value=sold.value.replace(b"10000", b"10001"))
        publish(broker, other)
        assert list(unlike_logs(cagette.home)) == [], "of one fact the first record counts"
        lose_topics(broker)
        make_topics(Settings(home=tmp_path / "home", **settings))
        reworded = replace(opened, value=opened.value.replace(b",", b", "))
        publish(broker, replace(opened, position=untold), reworded, mode, other)
        said = [line for line in unlike_logs(cagette.home) if line.startswith("gateway")]
        assert {*said} == {
            f"gateway: its topic holds a fact at {untold} that its log does not tell",
            f"gateway: its topic holds another fact at {sold.position} than its log tells",
            f"gateway: its topic lacks the fact at {enrolled.position}",
        }


@dataclass
class _Forger:
    """Somebody who tells what no log of a house says."""

    messages: list[Message]
    name: str = "gateway"

    def head(self) -> int:
        return len(self.messages)

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        return self.messages, len(self.messages)


def publish(broker: dict[str, str], *messages: Message) -> None:
    """Write messages to the gateway's topic, in order."""
    at = Broker(broker["kafka_bootstrap"], broker["kafka_prefix"])
    with closing(KafkaRelay(at, _Forger([*messages]))) as relay:
        relay.publish(0)


def test_without_a_broker_there_is_nothing_to_rewind(cagette: World) -> None:
    with pytest.raises(NotValid, match="no broker"):
        rewound(cagette.home.workers["billing"], 0, dry_run=True)
