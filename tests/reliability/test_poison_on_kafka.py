"""Poison on a real topic: each kind of it is parked, once, and the rest goes on."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from kafka import KafkaProducer

from services.billing.views.fees import FEES
from shared.messaging.kafka import PARTITIONS, Broker
from shared.messaging.parking import all_parked, parked_facts
from shared.messaging.releasing import ParkedDesk
from tests.support.notices import distribution, market, producer
from tests.support.world import World, world

SALES = b"cagette.gateway.SalesValidated.v1"
TIME = b"2024-10-05T00:00:00+00:00"


def told(kind: bytes = SALES, sequence: bytes = b"900000", time: bytes = TIME) -> dict[str, bytes]:
    """The headers of a message."""
    words = {"ce_id": b"gateway:" + sequence, "ce_sequence": sequence}
    return words | {"ce_type": kind, "ce_time": time}


def without(name: str) -> dict[str, bytes]:
    """The headers of a message without one of them."""
    return {other: word for other, word in told().items() if other != name}


POISON: dict[str, tuple[dict[str, bytes], bytes | None]] = {
    "not UTF-8": (told(), b"\xff\xfe"),
    "not JSON": (told(), b"{"),
    "no value": (told(), None),
    "not an object": (told(), b"[1]"),
    "a field missing": (told(), b'{"producer_id": "1"}'),
    "a type nobody knows": (told(kind=b"cagette.gateway.Nothing.v1"), b"{}"),
    "a fact of another house": (told(kind=b"cagette.billing.FeeCharged.v1"), b"{}"),
    "no headers at all": ({}, b"{}"),
    "a position that is no number": (told(sequence=b"first"), b"{}"),
    "a position that no log has": (told(sequence=b"9" * 23), b"{}"),
    "a position below the first": (told(sequence=b"-5"), b"{}"),
    "no id": (without("ce_id"), b"{}"),
    "a time that is none": (told(time=b"yesterday"), b"{}"),
}


@pytest.fixture
def deployment(
    tmp_path: Path, database_url: str, broker: dict[str, str]
) -> Iterator[tuple[World, Broker]]:
    """A deployment that told a sale, and its broker."""
    at = Broker(broker["kafka_bootstrap"], broker["kafka_prefix"])
    settings = {"database_url": database_url, "patience_seconds": 30, **broker}
    with world(tmp_path / "home", **settings) as cagette:
        cagette.told(market(), producer("1"), distribution("D1", sales={"1": 1_000}))
        yield cagette, at


def test_each_kind_of_poison_is_parked_and_the_rest_goes_on(
    deployment: tuple[World, Broker],
) -> None:
    cagette, at = deployment
    sender = KafkaProducer(bootstrap_servers=at.bootstrap, acks="all")
    for number, (headers, value) in enumerate(POISON.values()):
        place = b"%d" % (900_000 + number)
        words = [(name, word.replace(b"900000", place)) for name, word in headers.items()]
        key = f"bad-{number}".encode()
        sender.send(at.topic_of("gateway"), value, key=key, headers=words).get(timeout=30)
    sender.close()
    for _ in range(2):  # a second start reads everything again, and parks nothing twice
        cagette.home.caught_up()
        cagette.home.workers["billing"].close()
    parked = parked_facts(cagette.home.billing.log.begin())
    assert sorted(fact.key.rpartition("/")[2] for fact in parked) == sorted(
        f"bad-{number}" for number in range(len(POISON))
    )
    assert {fact.reason for fact in parked} == {"malformed-fact", "unknown-fact"}
    assert sum(fee["amount_cents"] for fee in cagette.rows(FEES)) == 90


def test_strangers_under_keys_that_make_no_tag_are_parked_each_and_the_rest_goes_on(
    deployment: tuple[World, Broker],
) -> None:
    cagette, at = deployment
    long = Random(7).randbytes(2_100).hex().encode()  # longer than an index entry may be
    keys = [b"a\0b", long, b"\xff\0", *(None for _ in range(PARTITIONS))]
    sender = KafkaProducer(bootstrap_servers=at.bootstrap, acks="all")
    topic = at.topic_of("training")  # nothing was told there yet: each lies at the same offset
    for number, key in enumerate(keys):
        value, to = b"%d" % number, number % PARTITIONS
        sender.send(topic, value, key=key, partition=to).get(timeout=30)
    sender.close()
    cagette.told(distribution("D2", sales={"1": 1_000}))
    billing = cagette.home.billing
    parked = all_parked(billing.log.begin())
    values = [message.value for facts in parked for message, _, _ in facts.waiting.values()]
    assert sorted(values) == [b"%d" % number for number in range(len(keys))]
    assert {facts.speaker for facts in parked} == {"stranger-on-training"}
    assert sum(fee["amount_cents"] for fee in cagette.rows(FEES)) == 180
    desk = ParkedDesk(billing)
    for facts in parked:
        desk.release(facts.speaker, facts.key, by="test", why="nobody's", drop=True)
    assert all_parked(billing.log.begin()) == []
    cagette.home.caught_up()
    assert cagette.home.workers["billing"].is_done()
