"""`cagette verify` names what was done by hand to any house's log, and gives its head to keep."""

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.hearsay import hearsay
from deploy.cli.home import opened
from deploy.cli.verifying import _tags
from services.billing.domain.statement import Statement
from services.billing.views.audit import audited
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
    assert b"training: its seal at 1 has changed: what comes before was rewritten" in done.stdout


def test_what_no_link_seals_is_compared_with_the_events(home: Path) -> None:
    by_hand(home, "gateway", "UPDATE stored_events SET position = position + 990")
    by_hand(home, "billing", "UPDATE tags SET tag = tag || 'x' WHERE tag LIKE 'month/%'")
    with opened(Settings(home=home)) as houses:
        causes, tags = list(hearsay(houses)), list(_tags(houses))
    assert any("billing: it heard gateway/0:" in each for each in causes), causes
    assert len(tags) >= 2, tags
    by_hand(home, "gateway", "UPDATE stored_events SET position = position - 990")
    by_hand(home, "billing", "UPDATE tracking SET notification_id = 1 WHERE notification_id > 1")
    with opened(Settings(home=home)) as houses:
        assert any("counts it as not heard yet" in each for each in hearsay(houses))


def test_a_row_that_was_cut_off_is_missed_though_the_log_goes_on(home: Path) -> None:
    end = answered(home, "status")["billing"]["head"]
    by_hand(home, "billing", f"DELETE FROM stored_events WHERE position = {end}")
    again = "".join(json.dumps(n) + "\n" for n in (producer("7"), distribution("2", {"7": 5_000})))
    assert answered(home, "import -", again.encode())["refused"] == 0
    named = violations(home)[0]
    assert named.startswith(f"violation: billing: position {end + 1} (")
    assert f"does not follow position {end - 1}: what came between is missing" in named


def test_what_a_house_counts_as_heard_and_never_heard_is_named(home: Path) -> None:
    by_hand(home, "billing", "UPDATE tracking SET notification_id = notification_id + 1000")
    again = "".join(json.dumps(n) + "\n" for n in (producer("7"), distribution("2", {"7": 5_000})))
    assert answered(home, "import -", again.encode())["refused"] == 0
    ahead = "".join(json.dumps(producer(str(n))) + "\n" for n in range(1_000, 1_600))
    assert answered(home, "import -", ahead.encode())["refused"] == 0
    said = "\n".join(violations(home))
    for fact in ("ProducerEnrolled", "SalesValidated"):
        assert f"cagette.gateway.{fact}.v1 of 7 led to nothing" in said


@pytest.mark.parametrize(
    "change",
    [
        "originator_id = 'g' || substr(originator_id, 2)",
        "originator_id = upper(originator_id)",
        "originator_id = originator_id || '0'",
        "originator_version = -1",
        "topic = CAST(x'ff' || CAST(topic AS BLOB) AS TEXT)",
    ],
)
def test_what_is_no_row_any_more_is_named(home: Path, change: str) -> None:
    by_hand(home, "billing", f"UPDATE stored_events SET {change} WHERE position = 6")
    first, *_, last = violations(home)
    assert first.startswith("violation: billing: position 6 (")
    assert last == ("not looked at: whether all decode, causes, tags, amounts, views, persons")


def test_two_rows_that_changed_places_are_both_named_and_no_other(home: Path) -> None:
    for statement in (
        "99999 WHERE position = 5",
        "5 WHERE position = 6",
        "6 WHERE position = 99999",
    ):
        by_hand(home, "billing", f"UPDATE stored_events SET position = {statement}")
    first, second = violations(home)
    assert first.startswith("violation: billing: position 5 (")
    assert " and position 6 (" in first
    assert first.endswith("changed places")
    assert second.startswith("not looked at: ")


@pytest.mark.parametrize(
    "change", ["originator_id = 'g'", "topic = CAST(x'ff' || CAST(topic AS BLOB) AS TEXT)"]
)
def test_what_is_no_row_is_damage_to_whoever_reads_it(home: Path, change: str) -> None:
    by_hand(home, "billing", f"UPDATE stored_events SET {change} WHERE position = 6")
    refused(run(home, "replay house billing"), "storage-damaged", "restore it from a backup")


def test_a_statement_that_does_not_know_its_document_is_named(home: Path) -> None:
    with opened(Settings(home=home)) as houses:
        history = list(houses.billing.log.history())
    cut = [event for event in history if not isinstance(event, Statement.Documented)]
    assert (len(cut), list(audited(history))) == (len(history) - 1, [])
    assert list(audited(cut)) == [
        "statement of 2045 for 2024-10, ON_SITE does not know its document F2024-000001"
    ]
