"""`cagette verify` names what a hand did to a log of any house, and keeps its head for later."""

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.home import opened
from deploy.cli.verifying import _causes, _tags
from shared.settings import Settings
from tests.billing.test_documents import on_site
from tests.support.commands import answered, refused, run
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


def test_from_a_position_only_what_follows_is_looked_at_and_the_rest_is_named(home: Path) -> None:
    heads, end = answered(home, "verify")["heads"], answered(home, "status")["gateway"]["head"]
    change = "UPDATE stored_events SET state = CAST(replace(state, '2', '3') AS BLOB)"
    by_hand(home, "billing", f"{change} WHERE position = 6")
    assert "billing: position 6 (" in violations(home)[0]
    later = answered(home, "verify --from billing:7")
    assert later["violations"] == []
    assert later["unseen"] == ["billing up to 7", "causes", "tags", "amounts", "views", "persons"]
    assert answered(home, "verify --from billing:6")["violations"] == []
    said = run(home, "verify --from 2")
    assert (said.returncode, b"billing: position 6 (" in said.stdout) == (1, True)
    by_hand(home, "gateway", f"{change} WHERE position = 1")
    told = run(home, "verify --from billing:7 --from gateway:1").stdout.decode()
    assert (
        "not looked at: gateway up to 1, billing up to 7, causes, tags, amounts, views, persons"
        in told
    )
    start = f"--from billing:7 --from gateway:{end}"
    assert answered(home, f"verify {start}:{heads['gateway']}")["violations"] == []
    refused(run(home, "verify --from training"), "not-valid", "billing:4711:SEAL")


def test_an_audit_does_not_begin_behind_the_end_of_a_log(home: Path) -> None:
    end = answered(home, "status")["training"]["head"]
    assert answered(home, f"verify --from training:{end}")["violations"] == []
    refused(run(home, f"verify --from training:{end + 1}"), "not-valid", f"ends at {end}")


def test_a_log_that_was_written_anew_has_another_seal_than_the_one_that_was_kept(
    home: Path,
) -> None:
    done = run(home, f"verify --from training:1:{'0' * 64}")
    assert done.returncode == 1
    assert b"training: at 1 it had another seal than now: what stands before was" in done.stdout


def test_what_no_link_seals_is_compared_with_the_events(home: Path) -> None:
    by_hand(home, "gateway", "UPDATE stored_events SET position = position + 990")
    by_hand(home, "billing", "UPDATE tags SET tag = tag || 'x' WHERE tag LIKE 'month/%'")
    with opened(Settings(home=home)) as houses:
        causes, tags = list(_causes(houses)), list(_tags(houses))
    assert any("billing: it heard gateway/0:" in each for each in causes), causes
    assert len(tags) >= 2, tags
    by_hand(home, "gateway", "UPDATE stored_events SET position = position - 990")
    by_hand(home, "billing", "UPDATE tracking SET notification_id = 1 WHERE notification_id > 1")
    with opened(Settings(home=home)) as houses:
        assert any("counts it as not heard yet" in each for each in _causes(houses))
