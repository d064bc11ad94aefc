"""`cagette stream`: what happened to one thing, as a person reads it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from deploy.cli.streams import KINDS
from shared.eventstore.streams import happened
from tests.support import commands, notices
from tests.support.commands import Run
from tests.support.world import World, world


def run(cagette: World, *words: str) -> Run:
    """Runs `cagette stream`."""
    return commands.run(cagette.home.folder, " ".join(("stream", *words)))


def told(cagette: World, *words: str) -> Any:
    """What the command says to machines."""
    done = run(cagette, *words, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@pytest.fixture
def lived(cagette: World) -> World:
    """A producer sold online, was corrected and settled, and the month was closed."""
    cagette.told(notices.session(), notices.enrolment("2024-05-02"))
    cagette.told(notices.market(), notices.producer(), notices.distribution("48211"))
    cagette.told(notices.distribution("48211", {"2045": 12_000}, 2))
    cagette.payout("2024-10-07")
    cagette.close("2024-10")
    cagette.home.caught_up()
    return cagette


def test_every_kind_of_stream_is_found_by_its_natural_key_or_by_its_id(lived: World) -> None:
    keys = {
        "market:1606": ["gateway"],
        "producer:2045": ["gateway", "billing"],
        "distribution:48211": ["gateway"],
        "session:INT-1": ["training"],
        "sale:2045:48211": ["billing"],
        "statement:2045:2024-10:ONLINE": ["billing"],
        "transfer:2045:2024-10-07": ["billing"],
        "document:F2027-000001": ["billing"],
        "tariff": ["billing"],
        "books": ["billing"],
        "billing/producer:2045": ["billing"],
    }
    for key, houses in keys.items():
        found = told(lived, key)
        assert [stream["house"] for stream in found] == houses, key
        assert told(lived, found[-1]["stream"]) == found[-1:]
    named = {key.split("/")[-1].split(":")[0] for key in keys}
    assert set(KINDS) - named == {"parked", "heard-fact"}


def test_a_stream_is_told_with_positions_causes_units_and_its_state_at_a_version(
    lived: World,
) -> None:
    (sale,) = told(lived, "sale:2045:48211")
    assert [event["version"] for event in sale["events"]] == [1, 2, 3]
    assert [event["topic"] for event in sale["events"]][1:] == ["billing.sale.rated"] * 2
    assert sale["events"][1]["what"].startswith("What stands, what it is billed at")
    assert sale["events"][1]["cause"].startswith("fact ")
    assert sale["state"]["sold"]["sales_cents"] == 12_000
    positions = [event["position"] for event in sale["events"]]
    assert positions == sorted(positions)
    log = lived.home.billing.log
    (recorded,) = log.page(positions[1] - 1, 1).events
    assert recorded.event.originator_id == UUID(sale["stream"])
    (before,) = told(lived, "sale:2045:48211", "--at", "2")
    assert (len(before["events"]), before["state"]["sold"]["sales_cents"]) == (2, 10_000)
    (then,) = told(lived, "sale:2045:48211", "--at", sale["events"][1]["at"].replace(" ", "T"))
    assert then == before
    said = run(lived, "sale:2045:48211").stdout.decode()
    assert "sold.sales_cents: 120,00\xa0€" in said
    assert "rate_bp: 2\xa0%" in said
    assert "settle, asked by test" in run(lived, "books").stdout.decode()


def test_a_person_is_shown_sealed_and_then_erased(lived: World) -> None:
    assert told(lived, "gateway/producer:2045")[0]["state"]["notice"]["person"] == (
        "(sealed under producer/2045)"
    )
    lived.forget("2045")
    enrolled, forgotten = told(lived, "gateway/producer:2045")[0]["events"]
    assert enrolled["fields"]["notice"]["person"] == "(erased: producer/2045 is destroyed)"
    assert forgotten["fields"]["notice"]["person"] == "(erased)"
    for words in (["producer:2045"], ["producer:2045", "--json"]):
        assert b"Ferme 2045" not in run(lived, *words).stdout


@pytest.mark.parametrize(
    ("words", "name", "said"),
    [
        (["producer:999"], "not-found", "sale:PRODUCER:DISTRIBUTION"),
        (["training/books"], "not-found", "HOUSE/KEY"),
        (["books", "--at", "0"], "not-found", "then"),
        (["books", "--at", "yesterday"], "not-valid", "instant"),
        (["books", "--at", "2024-10-07T10:00:00"], "not-valid", "offset"),
    ],
)
def test_what_there_is_not_is_refused_saying_what_keys_look_like(
    lived: World, words: list[str], name: str, said: str
) -> None:
    done = run(lived, *words)
    assert (done.returncode, done.stderr.decode().split(":")[0]) == (1, name), done
    assert said in done.stderr.decode()


@pytest.fixture
def deployed(database_url: str, broker: dict[str, str], tmp_path: Path) -> Iterator[World]:
    """A home on PostgreSQL and Kafka."""
    settings = {"database_url": database_url, "patience_seconds": 30, **broker}
    with world(tmp_path / "home", **settings) as cagette:
        yield cagette


def test_positions_are_those_of_the_log_on_postgresql_too(deployed: World) -> None:
    deployed.told(notices.market(), notices.producer())
    for house in deployed.home.houses:
        engine = deployed.home.views[house.name].engine
        with engine.connect() as connection:
            query = text("SELECT position, originator_id FROM stored_events ORDER BY position")
            stored = list(connection.execute(query))
        for position, name in stored:
            assert position in {e.position for e in happened(house.log, engine, UUID(str(name)))}
