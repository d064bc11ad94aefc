"""A backup taken under load and restored elsewhere lives on: nothing is lost, nothing doubled."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from deploy.cli.reliving import relived
from shared.eventstore.copying import NEVER_TOLD
from tests.support.commands import Run, refused, run
from tests.support.notices import completion, distribution, enrolment, market, producer, session
from tests.support.recount import Step, recount
from tests.support.services import a_database
from tests.support.world import World, world

BEFORE: list[Step] = [
    ("tell", market()),
    ("tell", producer()),
    ("tell", producer("7")),
    ("tell", distribution("D0", {"2045": 12_345}, validated_at="2024-09-20T21:00:00+02:00")),
    ("payout", "2024-09-23"),
    ("close", "2024-09"),
    ("tell", session()),
    ("tell", enrolment("2024-10-01")),
]
AFTER: list[Step] = [
    ("tell", completion("2024-10-03")),
    ("payout", "2024-10-07"),
    ("close", "2024-10"),
]


class Place(NamedTuple):
    """Where a deployment is: its folder and its other settings."""

    folder: Path
    settings: dict[str, Any]

    def run(self, command: str, **changes: str) -> Run:
        """Run a command there, in a process of its own."""
        settings = self.settings | changes
        named = {f"CAGETTE_{name.upper()}": str(value) for name, value in settings.items()}
        return run(self.folder, command, b"", **named)


@pytest.fixture(params=["embedded", "deployed"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """Where a deployment lives, and where its backup goes: each with its own vault and topics."""
    settings: list[dict[str, Any]] = [{}, {}]
    with ExitStack() as stack:
        if request.param == "deployed":
            admin = request.getfixturevalue("postgres")
            broker = request.getfixturevalue("broker")
            for number in range(2):
                databases = [stack.enter_context(a_database(admin)) for _ in range(2)]
                settings[number] = {
                    "database_url": databases[0],
                    "vault_url": databases[1],
                    "patience_seconds": 30,
                    "kafka_bootstrap": broker["kafka_bootstrap"],
                    "kafka_prefix": f"{broker['kafka_prefix']}-{number}",
                }
        yield Place(tmp_path / "lived", settings[0]), Place(tmp_path / "again", settings[1])


def told_while(cagette: World, doing: threading.Thread) -> list[Step]:
    """Tell sales and let them be heard, one after the other, for as long as a thread runs."""
    steps: list[Step] = []
    doing.start()
    while doing.is_alive() or not steps:
        sold = {"2045": 1_000 + len(steps), "7": 500}
        steps.append(("tell", distribution(f"D{len(steps) + 1}", sold)))
        cagette.do(steps[-1:])
    return steps


def heads_of_a_beginning(part: World, whole: World, backup: Path) -> dict[str, int]:
    """Where each log of a backup ends: up to there both homes agree, and one went on."""
    houses = msgspec.json.decode((backup / "manifest.json").read_bytes())["houses"]
    heads = {name: house["head"] for name, house in houses.items()}
    for here, there in zip(part.home.houses, whole.home.houses, strict=True):
        until = heads[here.name]
        assert list(here.log.rows(until)) == list(there.log.rows(until)), here.name
    assert heads["gateway"] < whole.home.gateway.log.head()
    return heads


def test_a_backup_taken_under_load_is_put_back_and_lives_on(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    lived, again = places
    done: list[Run] = []
    backup = threading.Thread(target=lambda: done.append(lived.run(f"backup {tmp_path / 'b'}")))
    with world(lived.folder, **lived.settings) as before:
        before.do(BEFORE)
        steps = [*BEFORE, *told_while(before, backup), *AFTER]
        assert [each.returncode for each in done] == [0], done
        before.do(AFTER)
        if prefix := lived.settings.get("kafka_prefix"):
            told = again.run(f"restore {tmp_path / 'b'}", kafka_prefix=prefix)
            refused(told, "not-empty", "CAGETTE_KAFKA_PREFIX", "gateway/")
            embedded = run(tmp_path / "embedded", f"restore {tmp_path / 'b'}")
            refused(embedded, "not-valid", "a deployment with Kafka")
        back = again.run(f"restore {tmp_path / 'b'}")
        assert back.returncode == 0, back
        with world(again.folder, **again.settings) as after:
            lives_on(after, steps, heads_of_a_beginning(after, before, tmp_path / "b"))
            assert after.bills() == before.bills() == recount(steps)
    assert again.run("verify").returncode == 0


def lives_on(after: World, steps: list[Step], heads: dict[str, int]) -> None:
    """Tell all again: what was lost is taken under positions that were never told before."""
    after.do(steps)
    for house in after.home.houses:
        later = [position for position, *_ in house.log.rows() if position > heads[house.name]]
        assert later[0] > heads[house.name] + NEVER_TOLD, house.name
        assert relived(after.home, house.name).is_same, house.name
