"""What a deployment has on Kafka: how its workers tell and hear, and the topics."""

from typing import Any

from deploy.cli.houses import HEARS, HOUSES
from shared.eventstore.lease import Lease
from shared.eventstore.views import Views
from shared.messaging.house import House
from shared.messaging.kafka import Broker, KafkaRelay
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.kafka_topics import create_topics, delete_topics
from shared.messaging.worker import Worker
from shared.settings import Settings


def broker_of(settings: Settings) -> Broker | None:
    """The broker that the settings name, if any."""
    if settings.kafka_bootstrap is None:
        return None
    return Broker(settings.kafka_bootstrap, settings.kafka_prefix)


def worker_on(settings: Settings, house: House[Any], lease: Lease, views: Views) -> Worker:
    """The worker of a house, telling and hearing through the broker of the settings."""
    broker = broker_of(settings)
    assert broker, "the workers of a deployment need the name of its broker"
    return Worker(
        house=house,
        lease=lease,
        relay=KafkaRelay(broker, house),
        source=KafkaSource(broker, HEARS[house.name]) if HEARS[house.name] else None,
        views=views,
    )


def listener_on(settings: Settings) -> KafkaSource:
    """A listener to all houses that has heard nothing yet."""
    broker = broker_of(settings)
    assert broker, "who has topics has named the broker"
    return KafkaSource(broker, HOUSES)


def make_topics(settings: Settings, *, anew: bool = False) -> None:
    """Create the missing topics; if `anew`, delete and recreate all of them.

    Raises NotValid if there is one that loses facts.
    """
    broker = broker_of(settings)
    if broker:
        if anew:
            delete_topics(broker, HOUSES)
        create_topics(broker, HOUSES)
