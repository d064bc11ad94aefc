"""Every page of the runbook is followed in its trouble: commands, exit codes and answers."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from deploy.cli.clock import now
from services.billing.main import REFERENCE_TARIFF, tariff_from
from services.gateway.adapters.webhook_tables import ENDPOINTS, WAITING
from services.gateway.api.imports import import_lines
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.facts.envelope import EPOCH, Message
from tests.billing.test_documents import on_site
from tests.reliability.test_topics_rebuilt import lose_topics
from tests.support.commands import answered, run
from tests.support.notices import distribution, market, producer, session
from tests.support.runbook import Page, command_in, is_answered, pages
from tests.support.world import World, world

SALES = "cagette.gateway.SalesValidated.v1"
NOWHERE = "127.0.0.1:9"


@dataclass
class Scene:
    """A home in trouble, and what the page's names stand for there.

    `refused` are prefixes of commands that exit with 1 the first time they are given. `settings`
    are the home's; `away` takes their place for the first `while_away` commands.
    """

    home: Path
    names: dict[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    away: dict[str, Any] = field(default_factory=dict)
    while_away: int = 0


def sold(cagette: World, tmp: Path) -> Scene:
    """Nothing is wrong: somebody sold, and is settled and closed."""
    cagette.told(on_site(), producer(), distribution(), session())
    cagette.close("2024-10", date(2024, 11, 1))
    return Scene(cagette.home.folder, {"/backups": str(tmp / "backups")})


def lagging(cagette: World, tmp: Path) -> Scene:
    """The gateway told what billing has not heard yet."""
    lines = [json.dumps(each).encode() for each in (market(), producer(), distribution())]
    list(import_lines(cagette.home.gateway_desk, lines, by="test"))
    return Scene(cagette.home.folder)


def half_closed(cagette: World, tmp: Path) -> Scene:
    """A Monday is not settled, and the address of one party is not known."""
    cagette.told(market(), producer(), producer("7", address=None))
    cagette.told(distribution(sales={"2045": 1_000, "7": 1_000}))
    again = tmp / "told-again.ndjson"
    again.write_text(json.dumps(producer("7", seq=2)))
    return Scene(
        cagette.home.folder,
        {again.name: str(again)},
        ("close 2024-10 --on 2024-11-04 --dry-run",),
    )


def wrong_tariff(cagette: World, tmp: Path) -> Scene:
    """FLEXIBLE is at 7 % from October on, and should be at 6 %."""
    text = REFERENCE_TARIFF.read_text("utf-8").replace("2000-01-01", "2024-10-01")
    right, wrong = tmp / "right.toml", tmp / "wrong.toml"
    right.write_text(text, "utf-8")
    wrong.write_text(text.replace("flexible_bp = 600", "flexible_bp = 700"), "utf-8")
    cagette.told(market(), producer(), distribution())
    cagette.home.billing_desk.publish(tariff_from(wrong), by="test")
    cagette.home.caught_up()
    return Scene(cagette.home.folder, {right.name: str(right)})


def parked(cagette: World, tmp: Path) -> Scene:
    """A stranger wrote to the topic of training, and a sale lost its value on its way."""
    cagette.told(market(), producer(), distribution())
    (fact, *_) = (m for m in cagette.home.gateway.told(0, 1_000)[0] if m.type == SALES)
    kind = "cagette.training.TrainingCompleted.v1"
    at = cagette.home.gateway.log.head() + 1
    cagette.home.billing.hear(
        [
            Message("stranger-on-training", 3, kind, "producer-1", EPOCH, b"{}"),
            Message("gateway", at, SALES, "2045", EPOCH, b"{}"),
        ]
    )
    cagette.told(distribution("D0", sales={}))
    (tmp / "mended.json").write_bytes(fact.value)
    spoilt = ("status --json", "parked replay gateway/2045")
    return Scene(cagette.home.folder, {"mended.json": str(tmp / "mended.json")}, spoilt)


def keyed(cagette: World, tmp: Path) -> Scene:
    """The marketplace has a key."""
    made = answered(cagette.home.folder, "keys add marketplace --scope tell --scope read --by anne")
    return Scene(cagette.home.folder, {"95edf41b7d6a": made["key_id"]})


def hooked(cagette: World, tmp: Path) -> Scene:
    """A receiver answered 500 to the first event, and the others wait."""
    cagette.told(market(), producer(), distribution())
    answered(cagette.home.folder, "webhooks add https://shop.example/hooks")
    failed = {"error": "answered 500", "error_at": now()}
    first = {"endpoint_id": 1, "place": 1, "key": "2045", "failures": 1, "due_since": now()}
    with cagette.home.views["gateway"].engine.begin() as connection:
        connection.execute(update(ENDPOINTS).values(**failed))
        connection.execute(insert(WAITING).values(**first))
    return Scene(cagette.home.folder, {"--after 69": "--after 0"})


def broker_away(cagette: World, tmp: Path, settings: dict[str, Any]) -> Scene:
    """Nobody answers where Kafka was."""
    cagette.told(market(), producer(), distribution())
    away = {**settings, "kafka_bootstrap": NOWHERE}
    return Scene(cagette.home.folder, {}, ("status --json",), settings, away, 1)


def database_away(cagette: World, tmp: Path, settings: dict[str, Any]) -> Scene:
    """Nobody answers where PostgreSQL was."""
    cagette.told(market(), producer(), distribution())
    away = {**settings, "database_url": f"postgresql://x@{NOWHERE}/x"}
    return Scene(cagette.home.folder, {}, ("status --json",), settings, away, 1)


def topic_lost(cagette: World, tmp: Path, settings: dict[str, Any]) -> Scene:
    """Kafka came back on empty disks."""
    cagette.told(market(), producer(), distribution())
    for worker in cagette.home.workers.values():
        worker.close()
    lose_topics(settings)
    return Scene(
        cagette.home.folder,
        {"--to 4711": "--to 2"},
        ("replay house billing",),
        settings,
        settings,
        1,
    )


ALONE: dict[str, Callable[[World, Path], Scene]] = {
    "Start": sold,
    "Stop": sold,
    "Upgrade": sold,
    "Back up": sold,
    "Restore": sold,
    "Lag": lagging,
    "The disk is full": sold,
    "A month is half closed": half_closed,
    "A wrong tariff was published": wrong_tariff,
    "Is it what the log says?": sold,
    "A fact is parked": parked,
    "Rotate a key": keyed,
    "A webhook fails": hooked,
    "A person asks to be forgotten": sold,
}
DEPLOYED: dict[str, Callable[[World, Path, dict[str, Any]], Scene]] = {
    "The broker is away": broker_away,
    "A topic is lost": topic_lost,
    "The database is away": database_away,
}

SHOWN_ELSEWHERE = (
    f"gateway: schema went from 0 to {SCHEMA_VERSION}",  # in the log of the container `migrate`
    f"gateway: schema would go from 3 to {SCHEMA_VERSION}",  # from a home of an older schema
    '{"status":"alive"}',
    "HTTP/1.1 401",
    "still-unfinished",  # for one with something open; the page's other answer is for one without
)
"""Prefixes of answers that no command of their page gives in its scene."""


def done(scene: Scene, page: Page, tmp: Path) -> str:
    """All that a page's commands say; each must end as it should."""
    said, home, refused = "", scene.home, list(scene.refused)
    for number, written in enumerate(page.commands):
        command = written
        for name, stands in scene.names.items():
            command = command.replace(name, stands)
        if command.startswith("restore "):
            home = tmp / f"restored-{number}"  # each into an empty one
        settings = scene.away if number < scene.while_away else scene.settings
        named = {f"CAGETTE_{name.upper()}": str(value) for name, value in settings.items()}
        ended = run(home, command, b"", **named)
        expected = next((each for each in refused if command.startswith(each)), None)
        assert ended.returncode == (expected is not None), (command, ended)
        if expected:
            refused.remove(expected)
        said += f"{command}\n{ended.stdout.decode()}{ended.stderr.decode()}\n"
    for name, stands in scene.names.items():
        said = said.replace(stands, name)
    return said


def checked(scene: Scene, page: Page, tmp: Path) -> None:
    said = done(scene, page, tmp)
    for answer in page.answers:
        assert answer.startswith(SHOWN_ELSEWHERE) or is_answered(answer, said), (answer, said)


@pytest.mark.parametrize("title", ALONE)
def test_a_page_helps_in_its_trouble(cagette: World, tmp_path: Path, title: str) -> None:
    (tmp_path / "backups" / "newest").mkdir(parents=True)
    page = pages()[title]
    scene = ALONE[title](cagette, tmp_path)
    if title == "Restore":
        answered(scene.home, f"backup {tmp_path}/backups/2024-11-02")
        newest = tmp_path / "backups" / "newest"
        vault = (tmp_path / "backups" / "2024-11-02" / "vault.keys.ndjson.gz").read_bytes()
        (newest / "vault.keys.ndjson.gz").write_bytes(vault)
    checked(scene, page, tmp_path)


@pytest.mark.parametrize("title", DEPLOYED)
def test_a_page_of_the_deployment_helps_in_its_trouble(
    database_url: str, broker: dict[str, str], tmp_path: Path, title: str
) -> None:
    settings = {"database_url": database_url, "patience_seconds": 30, **broker}
    with world(tmp_path / "home", **settings) as cagette:
        checked(DEPLOYED[title](cagette, tmp_path, settings), pages()[title], tmp_path)


def test_every_page_is_done_and_every_line_that_is_not_ours_is_named() -> None:
    assert {*ALONE, *DEPLOYED} == set(pages())
    with pytest.raises(ValueError, match="rm -rf"):
        command_in("rm -rf /var/lib/cagette")


@pytest.mark.parametrize("answer", ["2 events: all is well\n", "1 event: was changed\n", "more\n"])
def test_an_answer_that_nobody_gives_is_noticed(answer: str) -> None:
    said = f"verify\n{shlex.quote('1')}\n2 events: none was changed\n"
    assert is_answered("7 events: … changed\n", said)
    assert not is_answered(answer, said)
