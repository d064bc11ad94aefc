"""Nobody's name, address or contact stands in a log, a view, a fact or a backup of them."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition
from psycopg import sql

from deploy.cli.demo import SEASON
from deploy.cli.houses import HOUSES
from services.billing.adapters.html import page
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from shared.eventstore.log import EventLog
from shared.eventstore.rebuilt import rebuilt
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.messaging.parking import parked_facts
from tests.support.notices import producer
from tests.support.world import World, world

Notice = dict[str, Any]

DISTRIBUTIONS = 30


def season(distributions: int) -> list[Notice]:
    """The real season with all its people, and the first of its distributions."""
    with gzip.open(SEASON) as lines:
        notices = [json.loads(line) for line in lines]
    sold = (notice for notice in notices if notice["kind"] == "distribution")
    return [n for n in notices if n["kind"] != "distribution"] + [*islice(sold, distributions)]


def words_of(notices: Iterable[Notice]) -> set[str]:
    """Every name, street, town, e-mail address and number of a person in what is told."""
    bodies = [notice["body"] for notice in notices if notice["kind"] == "producer"]
    of_himself = ("name", "billing_email", "company_number", "vat_number")
    found = {body.get(field) for body in bodies for field in of_himself}
    found |= {body["address"][field] for body in bodies for field in ("street", "city")}
    return found - {None}


def standing_in(content: bytes, words: Iterable[str]) -> list[str]:
    """The words that stand in some bytes, as they are or as JSON may write them."""
    spelled = {word: {word.encode(), json.dumps(word)[1:-1].encode()} for word in words}
    return [word for word, forms in spelled.items() if any(form in content for form in forms)]


def lived(cagette: World, notices: Iterable[Notice]) -> list[str]:
    """Tell, settle and close; returns the numbers of the documents."""
    cagette.told(*notices)
    fees = cagette.rows(FEES)
    for monday in sorted({fee["monday"] for fee in fees if fee["monday"]}):
        cagette.payout(monday.isoformat())
    for month in sorted({fee["month"] for fee in fees}):
        cagette.close(month, on=date(2024, 12, 31))
    return [row["number"] for row in cagette.rows(DOCUMENTS)]


def pages(cagette: World, numbers: Iterable[str]) -> str:
    """All documents as pages, one after the other."""
    desk, vault = cagette.home.billing_desk, cagette.home.vault
    return "".join(page(desk.document(number), vault) for number in numbers)


def test_words_that_stand_in_clear_would_be_found() -> None:
    words = {"Ferme 1003 (pâtisseries)", "p1003@producteurs.example", "nowhere"}
    content = b'x"Ferme 1003 (p\\u00e2tisseries)" p1003@producteurs.example'
    assert sorted(standing_in(content, words)) == sorted(words - {"nowhere"})


def test_no_file_of_a_home_holds_a_person_of_the_season_while_it_is_open_or_later(
    tmp_path: Path,
) -> None:
    notices = season(DISTRIBUTIONS)
    words = words_of(notices)
    assert len(words) > 500
    with world(tmp_path / "home") as cagette:
        numbers = lived(cagette, notices)
        assert len(numbers) > 50
        shown = pages(cagette, numbers)
        found = {file.name: file.read_bytes() for file in files(tmp_path)}
        assert "gateway.sqlite-wal" in found
        assert found["vault.sqlite"]
    found |= {f"{file.name} later": file.read_bytes() for file in files(tmp_path)}
    for name, content in found.items():
        assert standing_in(content, words) == [], name
    assert len(standing_in(shown.encode(), words)) > 50, "documents do name their buyers"


def files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def test_a_fact_about_a_person_that_cannot_be_taken_is_parked_without_naming_him(
    cagette: World,
) -> None:
    cagette.told(producer())
    source = cagette.home.workers["billing"].source
    assert source is not None
    told = next(m for m in source.poll({}, 10) if m.type.endswith("ProducerEnrolled.v1"))
    spoiled = replace(told, position=99, value=told.value.replace(b'"country":"FR"', b'"c":1'))
    cagette.home.billing.hear([spoiled])
    (parked,) = parked_facts(cagette.home.billing.log.begin())
    assert (parked.reason, parked.key) == ("malformed-fact", "gateway/2045")
    said = f"{parked} {spoiled.value.decode()}".encode()
    assert standing_in(said, words_of([producer()])) == []


def test_no_table_and_no_topic_of_a_deployment_holds_a_person(
    tmp_path: Path, database_url: str, broker: dict[str, str]
) -> None:
    notices = season(3)
    words = words_of(notices)
    with world(
        tmp_path / "home", database_url=database_url, patience_seconds=30, **broker
    ) as cagette:
        numbers = lived(cagette, notices)
        assert standing_in(pages(cagette, numbers).encode(), words)
    tables = dict(dumped(database_url))
    assert {f"{house}.stored_events" for house in HOUSES} | {"vault.keys"} <= set(tables)
    topics = dict(read(broker))
    assert topics["gateway"].count(b"siv1:producer/") == 103
    for name, content in (tables | topics).items():
        assert standing_in(content, words) == [], name


def dumped(database_url: str) -> Iterator[tuple[str, bytes]]:
    """Every table of every schema of ours, as bytes."""
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            select = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))
            rows = connection.execute(select).fetchall()
            yield f"{schema}.{table}", b"\n".join(as_bytes(value) for row in rows for value in row)


def as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def read(broker: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Every key, header and value of every topic."""
    for house in HOUSES:
        consumer = KafkaConsumer(bootstrap_servers=broker["kafka_bootstrap"], group_id=None)
        topic = f"{broker['kafka_prefix']}.{house}.facts.v1"
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        content = b""
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    headers = b" ".join(value for _, value in record.headers)
                    content += b"\n".join([record.key, headers, record.value])
        consumer.close()
        yield house, content


@pytest.mark.parametrize("kind", ["embedded", "deployed"])
def test_after_a_forgetting_everything_replays_and_is_shown_as_before(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    settings: dict[str, Any] = {}
    if kind == "deployed":
        settings = {
            "database_url": request.getfixturevalue("database_url"),
            "patience_seconds": 30,
            **request.getfixturevalue("broker"),
        }
    with world(tmp_path / "home", **settings) as cagette:
        numbers = lived(cagette, season(3))
        bills, before = cagette.bills(), pages(cagette, numbers)
        who = cagette.home.billing_desk.document(numbers[0]).party_id
        cagette.forget(who)
        assert pages(cagette, numbers) == before
        assert cagette.bills() == bills
        assert cagette.violations() == []
        for house in cagette.home.houses:
            assert list(house.log.unreadable()) == []
            live = cagette.home.views[house.name]
            fresh = rebuilt(house.log, live._views)
            assert [t.name for t in live.tables if live.rows(t) != fresh.rows(t)] == []


def test_a_backup_of_the_logs_from_before_the_forgetting_does_not_bring_anybody_back(
    tmp_path: Path,
) -> None:
    with world(tmp_path / "home") as cagette:
        cagette.told(*season(0))
        backup = (tmp_path / "home" / "gateway.sqlite").read_bytes()
        wal = (tmp_path / "home" / "gateway.sqlite-wal").read_bytes()
        assert cagette.forget("1003").figures == {"keys_destroyed": 1}
        (tmp_path / "backup.sqlite").write_bytes(backup)
        (tmp_path / "backup.sqlite-wal").write_bytes(wal)
        log = EventLog(SQLiteLogRecorder(tmp_path / "backup.sqlite"))
        notices = [event.notice for event in log.history() if hasattr(event, "notice")]
        names = {n.producer_id: cagette.home.vault.unseal(n.person).name for n in notices}
        log.close()
    assert names.pop("1003") == "effacé"
    assert len(names) == 102
    assert "effacé" not in names.values()
