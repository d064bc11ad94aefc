"""Kafka topics: created, checked for what listeners rely on, and deleted."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from shared.kernel.errors import NotValid
from shared.messaging.kafka import BOOTSTRAP_MS, PARTITIONS, RECONNECT_MS, Broker, ClosesOnFailure
from shared.messaging.source import BrokerAway

GONE_SECONDS = 30
"""A topic that is still there by then is being recreated by somebody, or will not go."""
LOOK_SECONDS = 0.1
"""Seconds between checks whether a topic is gone."""
FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Facts are kept for ever, so that a house that is rebuilt can hear them all from the topics."""
OPTIONS = {
    "num_partitions": PARTITIONS,
    "replication_factor": -1,
    "configs": {**FOR_EVER, "max.message.bytes": "1048576"},
}


class _Admin(ClosesOnFailure, KafkaAdminClient):  # type: ignore[misc]
    """The client's admin client."""


def create_topics(broker: Broker, houses: Sequence[str]) -> None:
    """Create the topics that are missing; raises NotValid if one exists that loses facts."""
    topics = [broker.topic_of(house) for house in houses]
    with _administered(broker) as admin:
        for topic in topics:
            with contextlib.suppress(TopicAlreadyExistsError):
                admin.create_topics({topic: OPTIONS})
        admin.wait_for_topics(topics)
        flaws = [*_flaws(admin, topics)]
    if flaws:
        raise NotValid(
            f"Facts would be lost: {', '.join(flaws)}. Rebuild the topics from the logs with "
            "`cagette topics rebuild --anew`, or set CAGETTE_KAFKA_PREFIX to a word that was "
            "never used, for all processes."
        )


def _flaws(admin: KafkaAdminClient, topics: Sequence[str]) -> Iterator[str]:
    """How topics differ from those that are created here.

    A relay spreads keys over all the partitions there are; listeners read just `PARTITIONS`.
    """
    for found in admin.describe_topics(topics):
        if (partitions := len(found["partitions"])) != PARTITIONS:
            yield f"{found['name']} has {partitions} partitions, not {PARTITIONS}"
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    for topic, configs in admin.describe_configs(asked, config_filter="all")["topic"].items():
        for name, wanted in FOR_EVER.items():
            if (value := configs[name]["value"]) != wanted:
                yield f"{topic} has {name}={value}, not {wanted}"


def delete_topics(broker: Broker, houses: Sequence[str]) -> None:
    """Delete those topics that exist, and wait until they are gone."""
    wanted = {broker.topic_of(house) for house in houses}
    give_up = time.monotonic() + GONE_SECONDS
    with _administered(broker) as admin:
        if there := wanted & set(admin.list_topics()):
            admin.delete_topics(sorted(there))
        while there := wanted & set(admin.list_topics()):
            if time.monotonic() > give_up:
                raise BrokerAway(
                    f"{broker} has not deleted {', '.join(sorted(there))} within {GONE_SECONDS} s: "
                    "stop whatever keeps recreating them."
                )
            time.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def _administered(broker: Broker) -> Iterator[KafkaAdminClient]:
    """Raise BrokerAway for whatever goes wrong meanwhile."""
    try:
        admin = _Admin(
            bootstrap_servers=broker.bootstrap,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            reconnect_backoff_max_ms=RECONNECT_MS,
        )
        try:
            yield admin
        finally:
            admin.close()
    except (KafkaError, OSError) as reason:
        raise BrokerAway(f"{broker} does not answer: {reason!r}") from reason
