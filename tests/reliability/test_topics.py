"""Topics made by others are checked before use; no worker runs while topics are made anew."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from deploy.cli.relaying import remade
from shared.eventstore.lease import HomeBusy
from shared.kernel.errors import NotValid
from shared.messaging import kafka_topics
from shared.messaging.kafka import PARTITIONS, Broker
from shared.messaging.kafka_topics import create_topics, delete_topics
from shared.messaging.source import BrokerAway
from shared.settings import Settings
from tests.support.notices import distribution, market, producer
from tests.support.world import World, world

FOR_EVER = {"retention.ms": "-1"}


@pytest.fixture
def at(broker: dict[str, str]) -> Broker:
    """A broker on which this test has no topics yet."""
    return Broker(broker["kafka_bootstrap"], broker["kafka_prefix"])


@pytest.fixture
def admin(at: Broker) -> Iterator[KafkaAdminClient]:
    """A client that makes topics there by hand."""
    with closing(KafkaAdminClient(bootstrap_servers=at.bootstrap)) as by_hand:
        yield by_hand


@pytest.mark.parametrize(
    ("partitions", "configs", "flaw"),
    [
        (PARTITIONS + 1, FOR_EVER, "has 7 partitions, not 6"),
        (PARTITIONS - 1, FOR_EVER, "has 5 partitions, not 6"),
        (PARTITIONS, {}, "has retention.ms=604800000, not -1"),
        (PARTITIONS, FOR_EVER | {"retention.bytes": "1000000"}, "has retention.bytes=1000000"),
        (PARTITIONS, FOR_EVER | {"cleanup.policy": "compact"}, "has cleanup.policy=compact"),
    ],
)
def test_a_topic_on_which_facts_would_be_lost_is_refused_and_it_is_said_what_to_do(
    at: Broker, admin: KafkaAdminClient, partitions: int, configs: dict[str, str], flaw: str
) -> None:
    topic = at.topic_of("gateway")
    options = {"num_partitions": partitions, "configs": configs}
    admin.create_topics({topic: options}, wait_for_metadata=True)
    with pytest.raises(NotValid, match=f"{topic} {flaw}.*topics rebuild --anew"):
        create_topics(at, ["training", "gateway"])


def test_topics_that_will_do_are_taken_as_they_are(at: Broker, admin: KafkaAdminClient) -> None:
    larger = {"configs": FOR_EVER | {"max.message.bytes": "2000000"}, "num_partitions": PARTITIONS}
    admin.create_topics({at.topic_of("gateway"): larger}, wait_for_metadata=True)
    for _ in range(2):
        create_topics(at, ["training", "gateway"])


def test_a_topic_that_comes_back_is_not_waited_for_without_end(
    at: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(at, ["gateway"])
    monkeypatch.setattr(kafka_topics, "GONE_SECONDS", 1)
    monkeypatch.setattr(KafkaAdminClient, "delete_topics", lambda *_: None)
    with pytest.raises(BrokerAway, match=r"gateway\.facts.*recreating them"):
        delete_topics(at, ["gateway", "training"])


@pytest.fixture
def deployment(tmp_path: Path, database_url: str, broker: dict[str, str]) -> Iterator[World]:
    """A deployment that told a sale."""
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.told(market(), producer("1"), distribution(sales={"1": 1_000}))
        yield cagette


def settings_of(cagette: World, **given: Any) -> Settings:
    """The settings of a deployment."""
    return Settings(home=cagette.home.folder, **given)


def test_no_worker_begins_while_topics_are_made_anew(
    deployment: World,
    database_url: str,
    broker: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, tried = deployment.home.workers, list[str]()

    def while_nobody_works(called: Any) -> Any:
        def tries(*given: Any, **named: Any) -> Any:
            for worker in workers.values():
                with pytest.raises(HomeBusy), worker.lease.held():
                    pass
            tried.append(called.__name__)
            return called(*given, **named)

        return tries

    for client, method in ((KafkaAdminClient, "delete_topics"), (KafkaProducer, "send")):
        monkeypatch.setattr(client, method, while_nobody_works(getattr(client, method)))
    given = settings_of(deployment, database_url=database_url, **broker)
    remade(deployment.home, given, anew=True, dry_run=False)
    assert tried[0] == "delete_topics"
    assert "send" in tried


def test_where_it_breaks_off_workers_tell_all_again(
    deployment: World,
    database_url: str,
    broker: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KafkaAdminClient, "create_topics", broken_off)
    given = settings_of(deployment, database_url=database_url, **broker)
    with pytest.raises(KeyboardInterrupt):
        remade(deployment.home, given, anew=True, dry_run=False)
    assert [house.relayed() for house in deployment.home.houses] == [0, 0, 0]
