"""A small subscriber: the fees of each producer and month, counted once, from what billing tells.

    python -m deploy.subscriber.fees_by_month --bootstrap localhost:9092 --database fees.sqlite

A fact may come more than once: its speaker may publish it again, and we may read it again. A fact
is identified by its position in its speaker's log, the header `ce_sequence`; an offset only says
where a copy of it lies. Facts of one key, here a producer, come in the order in which they were
told, because they share a partition. So it is enough to remember, for each partition, the last
position heard, in the same transaction as what it led to: whenever we are killed, both are there
or neither is.

We use no consumer group: only our own database says which facts were heard. A message that is not
a fact stops us: nothing is skipped silently.
"""

import argparse
import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition

TABLES = """
CREATE TABLE IF NOT EXISTS heard (
    speaker TEXT, partition INTEGER, position INTEGER NOT NULL, PRIMARY KEY (speaker, partition)
);
CREATE TABLE IF NOT EXISTS fees (
    producer_id TEXT, month TEXT, amount_cents INTEGER NOT NULL, PRIMARY KEY (producer_id, month)
);
"""
HEARD = "SELECT position FROM heard WHERE speaker = ? AND partition = ?"
HEAR = "INSERT OR REPLACE INTO heard VALUES (?, ?, ?)"
COUNT = """
INSERT INTO fees VALUES (:producer_id, :month, :amount_cents)
ON CONFLICT DO UPDATE SET amount_cents = amount_cents + excluded.amount_cents
"""


def count(database: sqlite3.Connection, records: Iterable[Any]) -> None:
    """Count what is new among some records, in one transaction."""
    with database:
        database.execute("BEGIN IMMEDIATE")  # no other process counts between our read and write
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            speaker, position = headers["ce_source"], int(headers["ce_sequence"])
            heard = database.execute(HEARD, (speaker, record.partition)).fetchone()
            if heard and position <= heard[0]:
                continue
            if headers["ce_type"] == "cagette.billing.FeeCharged.v1":
                database.execute(COUNT, json.loads(record.value))
            database.execute(HEAR, (speaker, record.partition, position))


def listen(bootstrap: str, topic: str, batch: int, *, once: bool) -> Iterator[list[Any]]:
    """Batches of records from the beginning of a topic; for ever, or up to where it ends now."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",  # never skip silently what we should have read
        max_poll_records=batch,
        reconnect_backoff_max_ms=1_000,  # by default it may sleep 30 s after an outage
        allow_auto_create_topics=False,
    )
    with contextlib.closing(consumer):
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise SystemExit(f"{bootstrap} has no topic {topic}.")
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions) if once else {}
        while not once or any(consumer.position(p) < end for p, end in ends.items()):
            yield from consumer.poll(timeout_ms=500).values()


def main() -> None:
    """Listen, count, and say at the end what was counted."""
    options = argparse.ArgumentParser(description="Fees by producer and month, from the facts.")
    options.add_argument("--bootstrap", required=True, help="Kafka: host:port")
    options.add_argument("--database", required=True, help="our SQLite file; created if missing")
    options.add_argument("--topic", default="cagette.billing.facts.v1")
    options.add_argument(
        "--batch", type=int, default=500, help="maximum number of facts in a transaction"
    )
    options.add_argument("--once", action="store_true", help="stop at the current end of the topic")
    given = options.parse_args()
    with contextlib.closing(sqlite3.connect(given.database)) as database:
        database.executescript(TABLES)
        with contextlib.suppress(KeyboardInterrupt):
            for records in listen(given.bootstrap, given.topic, given.batch, once=given.once):
                count(database, records)
        print("producer_id,month,amount_cents")
        for row in database.execute("SELECT * FROM fees ORDER BY producer_id, month"):
            print(*row, sep=",")


if __name__ == "__main__":
    main()
