"""`cagette topics rebuild` and `relay rewind`, on a real Kafka: told again, heard once."""

import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from deploy.cli.deployed import make_topics
from deploy.cli.houses import HOUSES
from deploy.cli.relaying import rebuilt, rewound
from deploy.cli.reliving import relived
from shared.kernel.errors import NotValid
from shared.messaging.source import BrokerAway
from shared.settings import Settings
from tests.support.hard_season import hard_season
from tests.support.world import World, world


def lose_topics(settings: dict[str, Any]) -> None:
    """Deletes every topic, as a broker that lost its disks would have."""
    names = [f"{settings['kafka_prefix']}.{house}.facts.v1" for house in HOUSES]
    admin = KafkaAdminClient(bootstrap_servers=settings["kafka_bootstrap"])
    admin.delete_topics(names)
    while set(names) & set(admin.list_topics()):
        time.sleep(0.1)
    admin.close()


def heads(cagette: World) -> dict[str, int]:
    """How much each house remembers."""
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
        make_topics(Settings(home=tmp_path / "home", **settings))
        assert {name: rebuilt(cagette.home, name, dry_run=False) for name in HOUSES} == before
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


def test_without_a_broker_there_is_nothing_to_rewind(cagette: World) -> None:
    with pytest.raises(NotValid, match="no broker"):
        rewound(cagette.home.workers["billing"], 0, dry_run=True)
