"""The baseline of `consume`: one message per transaction, with the library's defaults.

Each fact becomes a sale and a line on the producer's statement for the month, saved with the
position of the message by the library's own tracking, so that a message counts once.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, ProcessingEvent
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.system import ProcessApplication
from kafka import KafkaConsumer

RATE, CENT = Decimal("0.06"), Decimal("0.01")


class PlainSale(Aggregate):
    """What a producer sold at a distribution."""

    @event("Rated")
    def __init__(self, sale: str, sales_cents: int, day: datetime, fee: Decimal) -> None:
        self.fee = fee

    @staticmethod
    def create_id(sale: str) -> UUID:
        """One sale per producer and distribution."""
        return uuid5(NAMESPACE_URL, f"sale/{sale}")


class PlainStatement(Aggregate):
    """What a producer owes for a month."""

    @event("Opened")
    def __init__(self, producer_id: str, month: str) -> None:
        self.lines: list[tuple[str, Decimal]] = []

    @staticmethod
    def create_id(producer_id: str, month: str) -> UUID:
        """One statement per producer and month."""
        return uuid5(NAMESPACE_URL, f"statement/{producer_id}/{month}")

    @event("Charged")
    def charge(self, distribution_id: str, fee: Decimal) -> None:
        """Add a fee."""
        self.lines.append((distribution_id, fee))


class PlainBilling(ProcessApplication[UUID]):
    """Bills what it hears."""

    name = "plain"

    def hear(self, partition: int, offset: int, fact: Mapping[str, Any]) -> None:
        """Take a fact in, once."""
        producer_id, distribution_id = fact["producer_id"], fact["distribution_id"]
        fee = (fact["sales_cents"] * RATE).quantize(CENT)
        day = datetime.fromisoformat(fact["validated_at"])
        sale = PlainSale(f"{producer_id}/{distribution_id}", fact["sales_cents"], day, fee)
        month = fact["day"][:7]
        stream = PlainStatement.create_id(producer_id, month)
        try:
            statement: PlainStatement = self.repository.get(stream)
        except AggregateNotFoundError:
            statement = PlainStatement(producer_id, month)
        statement.charge(distribution_id, fee)
        heard: ProcessingEvent[UUID] = ProcessingEvent(Tracking(f"sales/{partition}", offset + 1))
        heard.collect_events(sale, statement)
        self._record(heard)


def consumed(environment: Mapping[str, str], bootstrap: str, topic: str, count: int) -> int:
    """Take in that many facts of a topic, one by one; return how many."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    )
    with closing(PlainBilling(env=dict(environment))) as billing, closing(consumer):
        for number, message in enumerate(consumer, start=1):
            billing.hear(message.partition, message.offset, json.loads(message.value))
            if number == count:
                return number
    raise RuntimeError(f"{topic} ended")
