"""Strangers who have only Kafka and the schemas: the example subscribers, as processes.

Each season is told once to a deployment; then each subscriber hears it, is killed, hears it twice.
"""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from deploy.cli.demo import SEASON
from services.billing.views.fees import FEES
from shared.facts.catalogue import FACTS
from shared.facts.documents import EXAMPLES, HOUSES
from shared.facts.envelope import enveloped
from shared.messaging.kafka import Broker, KafkaRelay
from shared.messaging.kafka_topics import create_topics
from tests.support.recount import steps_of
from tests.support.services import a_database, npm_installed
from tests.support.world import World, world

ROOT = Path(__file__).parents[2]
NODE = ROOT / "deploy" / "subscriber" / "node"
DATA = Path(__file__).parents[1] / "data"
SECONDS = 60
Run = subprocess.CompletedProcess[str]
Headers = dict[str, str]
Tell = Callable[[World], None]


class Season:
    """A season told to a deployment, and what a subscriber should make of it."""

    def __init__(self, cagette: World, broker: Broker) -> None:
        self.broker = broker
        self.copies = 1
        self._home = cagette.home
        self.fees: Counter[tuple[str, str]] = Counter()
        for fee in cagette.rows(FEES):
            self.fees[fee["producer_id"], fee["month"]] += fee["amount_cents"]
        self.counts = Counter(
            message.type for house in cagette.home.houses for message in house.told(0, 1_000_000)[0]
        )

    def publish_again(self) -> None:
        """Publish all facts once more, as a relay that lost its place does."""
        for house in self._home.houses:
            relay, after = KafkaRelay(self.broker, house), 0
            while after < house.log.head():
                after = relay.publish(after).reached
            relay.close()
        self.copies += 1


def tell_hard(cagette: World) -> None:
    """A hard season, with its payouts and closes."""
    cagette.do(steps_of(DATA / "hard-season-1"))


def tell_real(cagette: World) -> None:
    """The real season, settled and closed."""
    with gzip.open(SEASON) as notices:
        cagette.told(*map(json.loads, notices))
    fees = cagette.rows(FEES)
    for monday in sorted({fee["monday"] for fee in fees if fee["monday"]}):
        cagette.payout(monday.isoformat())
    for month in sorted({fee["month"] for fee in fees}):
        cagette.close(month)
    cagette.home.caught_up()


@pytest.fixture(scope="module")
def told(
    postgres: str, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Tell], Season]]:
    """Tells a season to a deployment of its own, once."""
    with ExitStack() as open_ones:

        @cache
        def once(tell: Tell) -> Season:
            broker = Broker(kafka, f"t{uuid.uuid4().hex}")
            settings: dict[str, Any] = {
                "database_url": open_ones.enter_context(a_database(postgres)),
                "kafka_bootstrap": broker.bootstrap,
                "kafka_prefix": broker.prefix,
                "patience_seconds": 30,
            }
            folder = tmp_path_factory.mktemp("deployed")
            cagette = open_ones.enter_context(world(folder, **settings))
            tell(cagette)
            return Season(cagette, broker)

        yield once


@pytest.fixture(params=[tell_hard, tell_real])
def season(told: Callable[[Tell], Season], request: pytest.FixtureRequest) -> Season:
    """Each season in turn, on PostgreSQL and Kafka."""
    return told(request.param)


@pytest.fixture
def hard_season(told: Callable[[Tell], Season]) -> Season:
    """The hard season alone, where another season would show nothing more."""
    return told(tell_hard)


PYTHON = [sys.executable, "-m", "deploy.subscriber.fees_by_month"]


def fees_by_month(
    broker: Broker, database: Path, *options: str, start: list[str] = PYTHON
) -> "subprocess.Popen[str]":
    """Start the Python subscriber."""
    command = [*start, *options, "--bootstrap", broker.bootstrap, "--database", str(database)]
    command += ["--topic", broker.topic_of("billing")]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def counted(database: Path) -> Counter[tuple[str, str]]:
    """What it has counted so far."""
    with closing(sqlite3.connect(database)) as file:
        rows = file.execute("SELECT producer_id, month, amount_cents FROM fees").fetchall()
    return Counter({(producer_id, month): cents for producer_id, month, cents in rows})


def heard(database: Path) -> int:
    """How far it has heard: the sum of its positions, which only rises."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
            return int(file.execute("SELECT total(position) FROM heard").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def until_heard(database: Path, position: int) -> None:
    """Wait until it has heard that far."""
    give_up = time.monotonic() + SECONDS
    while heard(database) < position:
        assert time.monotonic() < give_up, f"it never heard {position}"
        time.sleep(0.002)


def count_once(season: Season, database: Path, *options: str) -> str:
    """Let it hear all there is; returns what it prints."""
    process = fees_by_month(season.broker, database, "--once", *options)
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return printed


def test_it_counts_the_fees_that_the_billing_view_shows(season: Season, tmp_path: Path) -> None:
    printed = count_once(season, tmp_path / "fees.sqlite")
    assert counted(tmp_path / "fees.sqlite") == season.fees
    header, *rows = (line.split(",") for line in printed.splitlines())
    assert header == ["producer_id", "month", "amount_cents"]
    assert {(p, m): int(cents) for p, m, cents in rows} == season.fees
    assert len(rows) == len(season.fees) > 50


DYING = """
import os, runpy, signal, sqlite3, sys

class Dying(sqlite3.Connection):
    left = int(sys.argv.pop(1))

    def execute(self, *statement):
        Dying.left -= 1
        if Dying.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*statement)

connect = sqlite3.connect
sqlite3.connect = lambda file: connect(file, factory=Dying)
runpy.run_module("deploy.subscriber.fees_by_month", run_name="__main__")
"""
"""Runs the subscriber, and kills it before one of its statements."""


def test_killed_within_its_transactions_it_counts_each_fact_once(
    hard_season: Season, tmp_path: Path
) -> None:
    database, stops = tmp_path / "fees.sqlite", []
    for statements in (0, 1, 2, 3, 70, 141, 142, 143, 144, 145, 300):
        start = [sys.executable, "-c", DYING, str(statements)]
        killed = fees_by_month(hard_season.broker, database, "--once", "--batch=20", start=start)
        killed.communicate(timeout=SECONDS)
        assert killed.returncode == -signal.SIGKILL
        stops.append(heard(database))
    count_once(hard_season, database)
    assert stops == sorted(stops)
    assert 0 == stops[0] < stops[4] < stops[-1] < heard(database)
    assert counted(database) == hard_season.fees


def test_what_is_read_or_published_again_is_not_counted_again(
    hard_season: Season, tmp_path: Path
) -> None:
    database = tmp_path / "fees.sqlite"
    count_once(hard_season, database)
    count_once(hard_season, database)
    hard_season.publish_again()
    count_once(hard_season, database)
    assert counted(database) == hard_season.fees
    count_once(hard_season, tmp_path / "late.sqlite", "--batch=7")
    assert counted(tmp_path / "late.sqlite") == hard_season.fees


def test_two_at_once_on_one_database_count_each_fact_once(
    hard_season: Season, tmp_path: Path
) -> None:
    database = tmp_path / "fees.sqlite"
    both = [fees_by_month(hard_season.broker, database, "--once", "--batch=20") for _ in range(2)]
    for process in both:
        process.communicate(timeout=SECONDS)
    assert [process.returncode for process in both] == [0, 0]
    assert counted(database) == hard_season.fees


def test_it_waits_for_facts_that_are_told_later(kafka: str, tmp_path: Path) -> None:
    broker, database = fresh_topics(kafka), tmp_path / "fees.sqlite"
    process = fees_by_month(broker, database)
    try:
        for position in (1, 2, 2, 3):
            publish(broker, "cagette.billing.FeeCharged.v1", position)
            until_heard(database, position)
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=SECONDS)
    fee = json.loads((EXAMPLES / "cagette.billing.FeeCharged.v1.json").read_text())
    row = f"{fee['producer_id']},{fee['month']},{3 * fee['amount_cents']}"
    assert (process.returncode, printed.splitlines()[1:]) == (0, [row])


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node subscriber, installed from its lock."""
    return npm_installed(NODE, tmp_path_factory.mktemp("node"))


def validated(validator: Path, broker: Broker) -> Run:
    """Let it read all that the topics hold."""
    command = ["node", "validate.mjs", "--bootstrap", broker.bootstrap, "--prefix", broker.prefix]
    command += ["--schemas", str(ROOT / "shared" / "facts" / "schemas")]
    environment = {**os.environ, "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    return subprocess.run(
        command, cwd=validator, env=environment, capture_output=True, text=True,
        check=False, timeout=SECONDS,
    )  # fmt: skip


def counts(done: Run) -> Counter[str]:
    """What it printed: how many of each type."""
    lines = (line.split() for line in done.stdout.splitlines())
    return Counter({name: int(count) for count, name in lines})


def test_every_message_of_a_season_is_what_its_schema_says(season: Season, validator: Path) -> None:
    done = validated(validator, season.broker)
    assert (done.returncode, done.stderr) == (0, "")
    every_copy = {name: count * season.copies for name, count in season.counts.items()}
    assert counts(done) == every_copy


def fresh_topics(kafka: str) -> Broker:
    """Topics that hold nothing."""
    broker = Broker(kafka, f"t{uuid.uuid4().hex}")
    create_topics(broker, HOUSES)
    return broker


def publish(
    broker: Broker, name: str, position: int = 1, headers: Headers | None = None, **changes: Any
) -> None:
    """Publish the example of a fact, with some of its headers or fields changed."""
    fact = FACTS[name].model_validate_json((EXAMPLES / f"{name}.json").read_text())
    message = enveloped(fact, position, datetime(2024, 10, 7, 8, 30, tzinfo=UTC))
    value = json.dumps(json.loads(message.value) | changes).encode()
    sent = [(n, v.encode()) for n, v in (message.headers() | (headers or {})).items()]
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap)) as producer:
        topic = broker.topic_of(fact.speaker)
        producer.send(topic, value, key=message.key.encode(), headers=sent).get(timeout=SECONDS)


def test_an_example_of_every_fact_passes_and_empty_topics_too(kafka: str, validator: Path) -> None:
    broker = fresh_topics(kafka)
    assert validated(validator, broker).returncode == 0
    for position, name in enumerate(FACTS, 1):
        publish(broker, name, position)
    done = validated(validator, broker)
    assert (done.returncode, counts(done)) == (0, dict.fromkeys(FACTS, 1)), done.stderr


FEE = "cagette.billing.FeeCharged.v1"
SALES = "cagette.gateway.SalesValidated.v1"


@pytest.mark.parametrize(
    ("name", "headers", "changes", "said"),
    [
        (FEE, {}, {"amount_cents": 12.5}, "/amount_cents must be integer"),
        (FEE, {}, {"day": "2024-02-30"}, "/day must match format"),
        (FEE, {}, {"monday": "next week"}, "/monday must match format"),
        (SALES, {}, {"sales_cents": -1}, "/sales_cents must be >= 0"),
        (SALES, {}, {"validated_at": "2024-10-04T21:00:00"}, "/validated_at must match format"),
        (SALES, {}, {"sales_by_vat": [{"vat_rate_bp": 550}]}, "amount_cents"),
        (FEE, {"ce_type": SALES}, {}, "ce_dataschema"),
        (FEE, {"ce_sequence": "0"}, {}, "/ce_sequence"),
        (FEE, {"ce_id": "billing:7"}, {}, "ce_id should be billing:2"),
        (FEE, {"ce_subject": "somebody"}, {}, "ce_subject"),
        (FEE, {"content-type": "text/plain"}, {}, "/content-type"),
    ],
)
def test_a_message_that_is_not_what_its_schema_says_fails(
    kafka: str, validator: Path, name: str, headers: Headers, changes: dict[str, Any], said: str
) -> None:
    broker = fresh_topics(kafka)
    publish(broker, name, 1)
    publish(broker, name, 2, headers, **changes)
    done = validated(validator, broker)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_fact_without_a_schema_fails(kafka: str, validator: Path) -> None:
    broker, name = fresh_topics(kafka), "cagette.billing.FeeForgotten.v1"
    publish(broker, FEE, 1, {"ce_type": name, "ce_dataschema": f"/schemas/{name}.json"})
    done = validated(validator, broker)
    assert (done.returncode, counts(done)) == (1, Counter())
    assert f"billing tells no fact {name}" in done.stderr
