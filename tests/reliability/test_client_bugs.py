"""The known bugs of kafka-python 3.0.12, on a real broker: the plain client has each, we have none.

A test that says "mended" found a client without the bug: our workaround may then go.
"""

import gc
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors

from deploy.local.kafka import LocalKafka
from services.gateway.api.notices import MAXIMUM_LINES
from shared.facts.envelope import Message
from shared.messaging.kafka import (
    MAXIMUM_RECORD_BYTES,
    PARTITIONS,
    Broker,
    FactTooLarge,
    KafkaRelay,
    Patience,
)
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.kafka_topics import create_topics
from shared.messaging.source import BrokerAway
from shared.messaging.worker import Worker
from tests.support.notices import distribution, market, producer
from tests.support.processes import wait_until
from tests.support.services import to_be_had
from tests.support.world import World, world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
QUICK = Patience(request_ms=1_000, delivery_ms=4_000)
PLAIN = "plain"


class Told:
    """A speaker of facts under one key; while `go` is not set, their reader halts after each."""

    name = "gateway"

    def __init__(self, *values: bytes) -> None:
        self.go = Event()
        self.go.set()
        self._messages: list[Message] = []
        self.tell(*values)

    def tell(self, *values: bytes) -> None:
        kind, at = "cagette.gateway.MarketOpened.v1", datetime(2024, 10, 4, tzinfo=UTC)
        for value in values:
            position = len(self._messages) + 1
            self._messages.append(Message(self.name, position, kind, "1606", at, value))

    def head(self) -> int:
        return len(self._messages)

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        page = Halting(self._messages[after : after + limit])
        page.go = self.go
        return page, after + len(page)


class Halting(list[Message]):
    """A page on which its reader halts, as a process starved of CPU does."""

    go: Event

    def __iter__(self) -> Iterator[Message]:
        for message in super().__iter__():
            yield message
            self.go.wait(60)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKafka]:
    """A broker of this file's own, which may be frozen and killed."""
    with to_be_had(LocalKafka()) as kafka:
        yield kafka


@pytest.fixture
def broker(server: LocalKafka, caplog: pytest.LogCaptureFixture) -> Iterator[Broker]:
    """Fresh topics on it; refused sockets go to the garbage collector, unless a log holds them."""
    caplog.set_level("CRITICAL", "kafka")
    at = Broker(server.bootstrap, f"t{uuid.uuid4().hex[:12]}")
    create_topics(at, ["gateway", PLAIN])
    yield at
    server.thaw()
    gc.collect()


def patiently(step: Callable[[], Any]) -> Any:
    """Retry, as a worker does, while the broker is away or nothing gets done."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        with suppress(BrokerAway):
            if done := step():
                return done
    return step()


def still_there(bug: str, seen: bool) -> None:
    """The plain client still has the bug; otherwise it was mended."""
    assert seen, f"{bug} is mended in kafka-python: what shared/messaging does about it may go"


@contextmanager
def plain_producer(at: Broker, **changes: Any) -> Iterator[Any]:
    """An idempotent producer as anybody would make it; it is closed by force (B4)."""
    plain = KafkaProducer(
        bootstrap_servers=at.bootstrap, acks="all", enable_idempotence=True, **changes
    )
    try:
        yield plain
    finally:
        plain._sender.force_close()
        plain._sender.join(5)
        plain.close(timeout=1)


def member(at: Broker) -> Any:
    """A member of a group, always under the same name."""
    return KafkaConsumer(
        at.topic_of("gateway"),
        bootstrap_servers=at.bootstrap,
        group_id=at.prefix,
        group_instance_id="one",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1,
    )


def polled(consumer: Any) -> bool:
    """Whether something comes within ten seconds."""
    return any(consumer.poll(1_000) for _ in range(10))


def positions(at: Broker) -> list[int]:
    """The positions of all records on the gateway's topic, by partition, in its order."""
    partitions = [TopicPartition(at.topic_of("gateway"), n) for n in range(PARTITIONS)]
    reader = KafkaConsumer(bootstrap_servers=at.bootstrap, auto_offset_reset="earliest")
    reader.assign(partitions)
    ends = reader.end_offsets(partitions)
    found: dict[TopicPartition, list[int]] = {tp: [] for tp in partitions}
    while any(reader.position(tp) < end for tp, end in ends.items()):
        for tp, records in reader.poll(500).items():
            found[tp] += [int(dict(record.headers)["ce_sequence"]) for record in records]
    reader.close()
    return [position for tp in partitions for position in found[tp]]


def heard(at: Broker) -> list[Message]:
    """All that a listener takes, each position once."""
    reached: dict[str, int] = {}
    taken = []
    with closing(KafkaSource(at, ["gateway"])) as source:
        while batch := source.poll(reached, 500):
            for message in batch:
                if message.position > reached.get(message.stream, 0):
                    taken.append(message)
                    reached[message.stream] = message.position
    return taken


def test_b1_a_long_outage_ends_the_plain_producer_and_never_our_relay(
    server: LocalKafka, broker: Broker
) -> None:
    told = Told(b"{}")
    relay = KafkaRelay(broker, told, QUICK)
    quick = {"request_timeout_ms": QUICK.request_ms, "delivery_timeout_ms": QUICK.delivery_ms}
    with plain_producer(broker, **quick) as plain, closing(relay):
        plain.send(broker.topic_of(PLAIN), b"before").get(10)
        assert patiently(lambda: relay.publish(0).reached) == 1
        told.tell(b"{}", b"{}")
        server.freeze()
        lost = plain.send(broker.topic_of(PLAIN), b"during")
        with pytest.raises(BrokerAway):
            relay.publish(1)
        with pytest.raises(errors.KafkaTimeoutError):
            lost.get(5)
        server.thaw()
        assert patiently(lambda: relay.publish(1).reached) == 3
        waiting = plain.send(broker.topic_of(PLAIN), b"after")
        time.sleep(QUICK.delivery_ms / 1_000 + 1)
        still_there("B1, the producer that waits for an id for ever,", not waiting.is_done)
    assert [message.position for message in heard(broker)] == [1, 2, 3]


def test_what_failed_and_was_written_all_the_same_is_billed_once(
    server: LocalKafka, broker: Broker, cagette: World, tmp_path: Path
) -> None:
    cagette.told(market(), producer("1"))
    gateway = cagette.home.gateway
    with closing(KafkaRelay(broker, gateway, QUICK)) as relay:
        reached = patiently(lambda: relay.publish(0).reached)
        for number in (1, 2):
            cagette.told(distribution(sales={"1": 1_000 * number}, validation_no=number))
        server.freeze()
        with pytest.raises(BrokerAway):
            relay.publish(reached)
        server.thaw()
        assert patiently(lambda: relay.publish(reached).reached) == gateway.log.head()
    wait_until(lambda: len(written := positions(broker)) > len(set(written)))
    with world(tmp_path / "listener") as listener:
        billing, lease = listener.home.billing, listener.home.workers["billing"].lease
        with closing(KafkaSource(broker, ["gateway"])) as source:
            list(Worker(billing, lease, None, source).steps())
        assert billing.log.head() == cagette.home.billing.log.head()
        assert listener.bills().fees == cagette.bills().fees != {}


def test_b2_a_large_record_ends_the_plain_producer_our_relay_names_it(broker: Broker) -> None:
    with plain_producer(broker, max_request_size=2_000_000) as plain:
        with pytest.raises(errors.MessageSizeTooLargeError):
            plain.send(broker.topic_of(PLAIN), b"x" * 1_048_576).get(30)
        small = plain.send(broker.topic_of(PLAIN), b"x")
        wait_until(lambda: small.is_done)
        still_there("B2, the producer that one large record ends,", small.failed())
    told = Told(b"{}", b"x" * (MAXIMUM_RECORD_BYTES + 1), b"x" * (MAXIMUM_RECORD_BYTES - 1_000))
    with closing(KafkaRelay(broker, told, QUICK)) as relay:
        with pytest.raises(FactTooLarge, match=r"at position 2 of gateway has 900001 bytes"):
            relay.publish(0)
        assert patiently(lambda: relay.publish(2).reached) == 3
    assert heard(broker)[-1].position == 3


def test_a_topic_that_takes_less_makes_no_relay_try_for_ever(server: LocalKafka) -> None:
    narrow = Broker(server.bootstrap, f"t{uuid.uuid4().hex[:12]}")
    options = {"num_partitions": PARTITIONS, "configs": {"max.message.bytes": "100000"}}
    with closing(KafkaAdminClient(bootstrap_servers=server.bootstrap)) as admin:
        admin.create_topics({narrow.topic_of("gateway"): options}, wait_for_metadata=True)
    relay = KafkaRelay(narrow, Told(b"{}", b"x" * 200_000, b"{}"), QUICK)
    with closing(relay), pytest.raises(FactTooLarge, match=r"position 2 of gateway has 200000"):
        relay.publish(0)


def test_a_page_of_large_facts_is_more_than_a_batch_may_be_and_passes(broker: Broker) -> None:
    told = Told(*(b"x" * 5_000 for _ in range(KafkaRelay.PAGE)))
    with closing(KafkaRelay(broker, told)) as relay:
        assert relay.publish(0).reached == KafkaRelay.PAGE
    assert [message.position for message in heard(broker)] == list(range(1, KafkaRelay.PAGE + 1))


def test_the_largest_sale_that_the_gateway_takes_can_be_published(
    broker: Broker, cagette: World
) -> None:
    rates, cents = range(MAXIMUM_LINES), 10**12 // MAXIMUM_LINES
    sold = distribution(sales={"1": cents * len(rates)})
    [basket], control = sold["body"]["baskets"], sold["body"]["control"]
    line = {**basket["lines"][0], "unit_price": str(cents // 100), "amount_cents": cents}
    basket["lines"] = [{**line, "line_id": str(rate), "vat_rate_bp": rate} for rate in rates]
    control["lines"] = len(rates)
    cagette.told(market(name="é" * 200), producer("1"), sold)
    with closing(KafkaRelay(broker, cagette.home.gateway)) as relay:
        assert relay.publish(0).reached == cagette.home.gateway.log.head()
    assert max(len(message.value) for message in heard(broker)) > 40 * MAXIMUM_LINES


SECOND_POLL = """
import json, signal, sys
from kafka import KafkaConsumer, TopicPartition
consumer = KafkaConsumer(
    bootstrap_servers=sys.argv[1], auto_offset_reset="earliest", value_deserializer=json.loads
)
consumer.assign([TopicPartition(sys.argv[2], 0)])
try:
    while True: consumer.poll(500)
except Exception:
    signal.setitimer(signal.ITIMER_PROF, 1)
consumer.poll(500)
"""
"""The second poll, of half a second, may use one second of CPU time."""


def test_b3_what_cannot_be_decoded_makes_a_plain_consumer_spin_and_passes_ours(
    broker: Broker,
) -> None:
    values = [b"{}", b"not JSON", b"[]"]
    with plain_producer(broker) as plain:
        for value in values:
            plain.send(broker.topic_of("gateway"), value, partition=0).get(10)
    command = [sys.executable, "-c", SECOND_POLL, broker.bootstrap, broker.topic_of("gateway")]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    still_there("B3, the poll that spins,", ended.returncode == -signal.SIGPROF)
    assert [message.value for message in heard(broker)] == values


def test_b4_a_plain_producer_cannot_be_closed_without_its_broker_ours_can(
    server: LocalKafka, broker: Broker
) -> None:
    told = Told(b"{}")
    relay = KafkaRelay(broker, told)
    with plain_producer(broker) as plain, ThreadPoolExecutor(1) as pool:
        plain.send(broker.topic_of(PLAIN), b"before").get(10)
        assert patiently(lambda: relay.publish(0).reached) == 1
        told.tell(b"{}")
        server.freeze()
        plain.send(broker.topic_of(PLAIN), b"during")
        publishing = pool.submit(relay.publish, 1)
        time.sleep(1)
        began = time.monotonic()
        relay.close()
        assert time.monotonic() - began < 20
        with pytest.raises(BrokerAway):
            publishing.result(5)
        with suppress(errors.KafkaTimeoutError):
            plain.close(timeout=1)
        still_there("B4, the close that leaves everything open,", plain._sender.is_alive())


def test_b9_a_plain_member_that_was_replaced_reads_on_ours_is_in_no_group(broker: Broker) -> None:
    with closing(KafkaRelay(broker, Told(*[b"{}"] * 20))) as relay:
        patiently(lambda: relay.publish(0))
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        with closing(member(broker)) as first, closing(member(broker)) as second:
            assert polled(first)
            assert polled(second)
            still_there("B9, the replaced member that reads on,", polled(first))
            with pytest.raises(errors.FencedInstanceIdError):
                first.commit()
        groups = admin.list_groups()
        assert [message.position for message in heard(broker)] == list(range(1, 21))
        with closing(KafkaSource(broker, ["gateway"])) as source:
            assert len(source.poll({}, 500)) == 20
            assert vars(source)["_consumer"].config["group_id"] is None
        assert admin.list_groups() == groups


def test_a_later_fact_is_never_written_before_an_earlier_one(
    server: LocalKafka, broker: Broker
) -> None:
    told = Told(b"{}")
    with closing(KafkaRelay(broker, told, QUICK)) as relay, ThreadPoolExecutor(1) as pool:
        assert patiently(lambda: relay.publish(0).reached) == 1
        told.tell(b"{}", b"{}")
        told.go.clear()
        server.kill()
        publishing = pool.submit(relay.publish, 1)
        time.sleep(QUICK.delivery_ms / 1_000 + 1)
        server.start()
        told.go.set()
        told.go.clear()
        wait([publishing], timeout=3)
        told.go.set()
        with pytest.raises(BrokerAway):
            publishing.result(30)
        assert patiently(lambda: relay.publish(1).reached) == 3
    assert list(dict.fromkeys(positions(broker))) == [1, 2, 3]


def test_after_an_outage_we_are_back_within_seconds_not_half_a_minute(
    server: LocalKafka, broker: Broker
) -> None:
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient):
        pause = client.DEFAULT_CONFIG["reconnect_backoff_max_ms"]
        still_there("the pause of half a minute after an outage", pause == 30_000)
    told = Told(b"{}")
    relay, source = KafkaRelay(broker, told, QUICK), KafkaSource(broker, ["gateway"])
    with closing(relay), closing(source), ThreadPoolExecutor(1) as pool:
        assert patiently(lambda: relay.publish(0).reached) == 1
        [first] = source.poll({}, 500)
        server.kill()
        told.tell(b"{}")
        listening = pool.submit(patiently, lambda: source.poll({first.stream: 1}, 500))
        time.sleep(10)
        server.start()
        began = time.monotonic()
        assert patiently(lambda: relay.publish(1).reached) == 2
        [second] = listening.result(60)
        took = time.monotonic() - began
        clients = (vars(relay)["_producer"], vars(source)["_consumer"])
        pauses = {client.config["reconnect_backoff_max_ms"] for client in clients}
    assert (second.position, pauses) == (2, {1_000})
    assert took < 25


def test_without_checksums_in_c_nothing_starts() -> None:
    code = "import sys; sys.modules['crc32c'] = None\n"
    code += "from shared.messaging.kafka import check_client\ncheck_client()"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "SlowChecksums: Install kafka-python with its crc32c extra" in ended.stderr
