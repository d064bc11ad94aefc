"""`consume`: a backlog of sales over Kafka becomes fees, durable on PostgreSQL.

A fact is what a producer sold at a distribution, five lines: `--full` is a backlog of 200 000
lines. Ours hears 2 000 facts per transaction; the baseline (`plain_listener.py`) one, with the
library's defaults. Neither publishes or shows the result.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

from deploy.bench.deployment import Deployment, deployment
from deploy.bench.grounds import POSTGRES, Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe
from deploy.bench.plain_listener import consumed
from deploy.cli.broker import broker_of
from shared.facts.envelope import Message, enveloped
from shared.facts.gateway import SalesValidated, VatShare
from shared.messaging.kafka import KafkaRelay
from shared.messaging.source import BATCH

FACTS, PLAIN = 4_000, 400
PRODUCERS = 200
AT = datetime(2024, 10, 4, 19, 12, 9, tzinfo=UTC)


class Backlog:
    """A gateway that has told that many sales."""

    name = "gateway"

    def __init__(self, count: int) -> None:
        self._messages = [enveloped(_sale(n), n + 1, AT) for n in range(count)]

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        """The next of them, and how far that reaches."""
        page = self._messages[after : after + limit]
        return page, after + len(page)

    def head(self) -> int:
        """How many there are."""
        return len(self._messages)


def trials(scale: float) -> Iterator[Probe]:
    """One backlog for both."""
    yield Probe(lambda grounds: _consumed(grounds, scale))


def _consumed(grounds: Grounds, scale: float) -> Measuring:
    facts, plain = max(1, int(FACTS * scale)), max(1, int(PLAIN * scale))
    with deployment(grounds) as deployed:
        broker = broker_of(deployed.settings)
        if broker is None:
            raise AssertionError("a deployment has a broker")
        _told(KafkaRelay(broker, Backlog(facts)))
        yield None
        ours = facts / _heard(deployed)
        yield None
        with grounds.on(POSTGRES) as ground:
            began = time.perf_counter()
            topic = broker.topic_of("gateway")
            consumed(ground.plain_settings(), broker.bootstrap, topic, plain)
            baseline = plain / (time.perf_counter() - began)
    yield Figure(f"consume/{POSTGRES}", "facts/s", ours, baseline, goal=Goal(ratio=10))


def _told(relay: KafkaRelay) -> None:
    position = 0
    while (reached := relay.publish(position).reached) > position:
        position = reached
    relay.close()


def _heard(deployed: Deployment) -> float:
    """Seconds until billing has heard all of it."""
    house = deployed.home.billing
    source = deployed.home.workers["billing"].source
    if source is None:
        raise AssertionError("billing hears the gateway")
    began = time.perf_counter()
    while batch := source.poll(house.heard(), BATCH):
        house.hear(batch)
    return time.perf_counter() - began


def _sale(number: int) -> SalesValidated:
    return SalesValidated(
        distribution_id=f"D{number // 5}",
        market_id="1606",
        market_name="Marché de la Gare",
        producer_id=str(number % PRODUCERS),
        day=date(2024, 10, 4),
        first_validated_at=AT,
        validated_at=AT,
        validation_no=1,
        payment_mode="ONLINE",
        sales_cents=7_420,
        sales_by_vat=(VatShare(vat_rate_bp=550, amount_cents=7_420),),
        baskets=5,
        lines=5,
        held=None,
    )
