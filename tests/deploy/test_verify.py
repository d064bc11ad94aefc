"""`cagette verify` names what a hand did to a log of any house, and keeps its head for later."""

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.billing.test_documents import on_site
from tests.support.commands import answered, run
from tests.support.notices import distribution, producer, session
from tests.support.world import world


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose three houses remember something."""
    with world(tmp_path / "home") as cagette:
        cagette.told(on_site(), producer(), distribution(), session())
        cagette.close("2024-10", date(2024, 11, 1))
    return tmp_path / "home"


def by_hand(home: Path, house: str, statement: str) -> None:
    with closing(sqlite3.connect(home / f"{house}.sqlite")) as log, log:
        log.execute(statement)


def violations(home: Path) -> list[str]:
    done = run(home, "verify")
    assert done.returncode == 1
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("house", ["gateway", "training", "billing"])
def test_a_changed_row_of_any_house_is_named_with_its_house(home: Path, house: str) -> None:
    changed = "UPDATE stored_events SET state = replace(state, '2', '3')"
    by_hand(home, house, f"{changed} WHERE position = 1")
    assert violations(home)[0].startswith(f"violation: {house}: position 1 (")


def test_a_cut_off_end_is_noticed_by_who_has_read_it(home: Path) -> None:
    by_hand(home, "gateway", "DELETE FROM stored_events WHERE position > 2")
    said = "\n".join(violations(home))
    assert "gateway: it ends at 2, but its view" in said
    assert "gateway: it ends at 2, but billing has read it" in said


def test_the_heads_of_a_log_stay_the_same_until_something_is_added(home: Path) -> None:
    before = answered(home, "verify")
    assert before["violations"] == []
    assert {len(head) for head in before["heads"].values()} == {64}
    assert answered(home, "verify")["heads"] == before["heads"]
    assert answered(home, "import -", json.dumps(producer("7")).encode())["refused"] == 0
    changed = answered(home, "verify")["heads"]
    assert changed["gateway"] != before["heads"]["gateway"]
    assert changed["training"] == before["heads"]["training"]
