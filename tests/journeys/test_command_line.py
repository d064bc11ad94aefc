"""The `cagette` command as operations run it: a process, a home, an exit code."""

import csv
import gzip
import io
import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from deploy.cli.home import opened
from deploy.cli.main import app
from shared.eventstore.asks import Asked
from shared.eventstore.failures import STORAGE_EXCEPTIONS, DiskFull, storage_refusal
from shared.eventstore.lease import FileLease
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.settings import Settings
from tests.gateway.test_refusals import full_disk
from tests.support import notices
from tests.support.commands import PROGRAM, answered, environment, refused, run
from tests.support.world import World

SEASON = [
    *(notices.producer(producer) for producer in ("7", "2045", "10")),
    *(notices.market("1606"), notices.market("9", payment_mode="ON_SITE")),
    *(notices.distribution("D1", {"2045": 9_000 + 100 * n, "7": 5_000}, n) for n in range(1, 12)),
    notices.distribution("D2", {"2045": 10_000}, validated_at="2024-10-11T21:00:00+02:00"),
    notices.distribution("D3", {"7": 5_000, "10": 100}, market_id="9"),
]
LINES = b"".join(json.dumps(notice).encode() + b"\n" for notice in SEASON)
COLUMNS = {
    "fees": "fee_id,producer_id,party_id,distribution_id,kind,day,month,monday,channel,formula,"
    "rate_bp,base_cents,amount_cents,corrects",
    "invoices": "number,type,party_id,month,channel,issued_on,due_on,net_cents,vat_cents,"
    "gross_cents,paid_cents",
    "transfers": "monday,producer_id,sales_cents,withheld_cents,carried_cents,net_cents,status,"
    "transfer_id",
    "producers": "producer_id,party_id,formula,formula_since,formula_until,sales_cents",
}
Stage = Callable[[str], Path]


def heads(home: Path) -> dict[str, int]:
    """How many events each house remembers."""
    found = {}
    for house in ("gateway", "training", "billing"):
        with closing(sqlite3.connect(home / f"{house}.sqlite")) as log:
            found[house] = log.execute("SELECT count(*) FROM stored_events").fetchone()[0]
    return found


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Homes at four moments of a season, each made by commands."""
    folder = tmp_path_factory.mktemp("homes")
    told = {"created": 8, "updated": 10}
    for before, stage, commands in [
        ("", "migrated", {"migrate": "to"}),
        ("migrated", "told", {"import -": "results"}),
        ("told", "paid", {"payout 2024-10-07": "transfers", "payout 2024-10-14": "transfers"}),
        ("paid", "closed", {"close 2024-10 --on 2024-11-01": "documents"}),
    ]:
        if before:
            shutil.copytree(folder / before, folder / stage)
        figures = [answered(folder / stage, c, LINES)[figure] for c, figure in commands.items()]
        assert (
            figures
            == {"migrated": [SCHEMA_VERSION], "told": [told], "paid": [2, 1], "closed": [4]}[stage]
        )
    return folder


@pytest.fixture
def at(stages: Path, tmp_path: Path) -> Stage:
    """A home of the test's own, at a moment of the season."""
    return lambda stage: shutil.copytree(stages / stage, tmp_path / "home")


@pytest.mark.parametrize("what", COLUMNS)
def test_an_export_has_the_columns_of_the_contract_and_rows_by_natural_key(
    stages: Path, what: str
) -> None:
    done = run(stages / "closed", f"export {what}")
    header, *rows = csv.reader(io.StringIO(done.stdout.decode()))
    assert (done.returncode, ",".join(header)) == (0, COLUMNS[what])

    def natural(row: list[str]) -> tuple[Any, ...]:
        if what == "fees":
            producer_id, distribution_id, kind, count = row[0].split(":")
            return producer_id, distribution_id, kind, int(count)
        return tuple(row[:2])

    assert rows == sorted(rows, key=natural)
    assert len(rows) == {"fees": 28, "invoices": 4, "transfers": 3, "producers": 3}[what]
    parsed = answered(stages / "closed", f"export {what}")
    assert [list(row) for row in parsed] == [header] * len(rows)
    shown = [["" if v is None else str(v) for v in row.values()] for row in parsed]
    assert shown == rows


def test_an_export_can_be_written_to_a_file(stages: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    done = run(stages / "closed", f"export invoices --out {file}")
    assert (done.returncode, done.stdout) == (0, b"")
    assert file.read_text("utf-8").startswith(COLUMNS["invoices"] + "\nF2024-000001,INVOICE,10,")


def test_a_closed_season_is_all_heard_and_nothing_of_it_fails_the_audit(stages: Path) -> None:
    status = answered(stages / "closed", "status")
    assert list(status) == ["gateway", "training", "billing"]
    assert all(house["lag"] == {} and not house["parked"] for house in status.values())
    assert status["billing"]["heard"]["gateway/0"] <= status["gateway"]["head"]
    assert answered(stages / "closed", "verify")["violations"] == []


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("migrate", None),
        ("import -", None),
        ("payout 2024-10-07", "unchanged"),
        ("close 2024-10 --on 2024-11-01", "unchanged"),
    ],
)
def test_a_command_given_twice_changes_nothing(at: Stage, command: str, result: str | None) -> None:
    home = at("closed")
    before = heads(home)
    assert answered(home, command, LINES).get("result") == result
    assert heads(home) == before


@pytest.mark.parametrize(
    ("stage", "command"),
    [
        ("migrated", "import -"),
        ("told", "payout 2024-10-07"),
        ("told", "remind 2024-10-07"),
        ("paid", "close 2024-10 --on 2024-11-01"),
        ("closed", "migrate"),
    ],
)
def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    at: Stage, stage: str, command: str
) -> None:
    home = at(stage)
    before = heads(home)
    shown = run(home, f"{command} --dry-run", LINES)
    assert (shown.returncode, heads(home)) == (0, before)
    assert b"dry run" in shown.stdout or b"would" in shown.stdout


def test_a_second_migration_says_that_nothing_changed(at: Stage) -> None:
    said = run(at("migrated"), "migrate").stdout.decode().splitlines()
    assert said[-1] == f"billing: schema is already at {SCHEMA_VERSION}, nothing changed"


def test_a_dry_migration_leaves_a_new_home_as_it_is(tmp_path: Path) -> None:
    assert answered(tmp_path, "migrate --dry-run")["dry_run"] is True
    refused(run(tmp_path, "status"), "not-migrated")


@pytest.mark.parametrize(
    ("stage", "command", "name", "words"),
    [
        ("told", "payout 2024-10-14", "mondays-standing", "Settle 2024-10-07"),
        ("told", "close 2024-10 --on 2024-11-01", "months-standing", "settle 2024-10-07"),
        ("paid", "close 2024-11 --on 2024-12-01", "months-standing", "close 2024-10"),
        ("paid", "close 2024-10 --on 2024-10-30", "dated-too-early", "2024-10-31"),
        ("paid", "close 2024-10 --despite", "not-valid", "--why"),
        ("told", "payout 2024-10-08", "not-a-monday", "2024-10-08"),
        ("told", "payout 2024-02-30", "not-valid", "2024-02-30"),
        ("told", "close 2024-13", "not-valid", "2024-13"),
        ("told", "import nowhere.ndjson", "not-found", "nowhere.ndjson"),
    ],
)
def test_what_comes_in_the_wrong_order_is_refused_saying_what_to_do_first(
    at: Stage, stage: str, command: str, name: str, words: str
) -> None:
    home = at(stage)
    before = heads(home)
    refused(run(home, command), name, words)
    assert heads(home) == before


def test_a_refusal_is_json_for_machines(stages: Path) -> None:
    done = run(stages / "told", "payout 2024-10-14 --json")
    problem = json.loads(done.stdout)
    assert (done.returncode, problem["type"]) == (1, "urn:cagette:problem:mondays-standing")
    assert "2024-10-07" in problem["detail"]


@pytest.mark.parametrize("command", ["status", "export fees", "payout 2024-10-07", "serve"])
def test_a_home_that_was_not_migrated_is_refused_saying_how_to(
    tmp_path: Path, command: str
) -> None:
    refused(run(tmp_path, command, LINES), "not-migrated", "cagette migrate")


def test_an_import_makes_a_home_that_was_never_used_ready_but_a_dry_run_does_not(
    tmp_path: Path,
) -> None:
    refused(run(tmp_path, "import - --dry-run", LINES), "not-migrated", "cagette migrate")
    assert answered(tmp_path, "import -", LINES)["results"] == {"created": 8, "updated": 10}


@pytest.mark.parametrize("command", ["migrate", "status", "import -", "close 2024-10"])
def test_a_home_written_by_a_newer_version_is_refused_and_left_alone(
    at: Stage, command: str
) -> None:
    home = at("told")
    before = heads(home)
    with closing(sqlite3.connect(home / "billing.sqlite")) as billing:
        billing.execute("PRAGMA user_version = 99")
        refused(run(home, command, LINES), "written-by-newer-version", "99", "install")
        assert billing.execute("PRAGMA user_version").fetchone() == (99,)
    assert heads(home) == before


def test_a_second_writer_waits_for_the_first_then_says_so(at: Stage) -> None:
    home = at("told")
    with FileLease(home / "billing.lease").held():
        busy = run(home, "payout 2024-10-07", CAGETTE_PATIENCE_SECONDS="1")
        refused(busy, "home-busy", str(home), "wait")
        waiting = subprocess.Popen(
            [PROGRAM, "payout", "2024-10-07"], env=environment(home), stdout=subprocess.DEVNULL
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
    assert waiting.wait(30) == 0
    assert answered(home, "payout 2024-10-07")["result"] == "unchanged"


@pytest.mark.parametrize("name", ["-", "season.ndjson", "season.ndjson.gz", "packed"])
def test_a_file_is_imported_packed_or_plain_or_from_standard_input(at: Stage, name: str) -> None:
    home = at("migrated")
    file = home / name
    content = gzip.compress(LINES) if name in ("season.ndjson.gz", "packed") else LINES
    if name != "-":
        file.write_bytes(content)
    told = answered(home, f"import {'-' if name == '-' else file}", LINES if name == "-" else b"")
    assert (told["results"], told["refused"]) == ({"created": 8, "updated": 10}, 0)
    assert answered(home, "payout 2024-10-07 --dry-run")["transfers"] == 2


def test_a_damaged_packed_file_is_told_as_far_as_it_can_be_read_and_refused(at: Stage) -> None:
    home = at("migrated")
    file = home / "season.gz"
    file.write_bytes(gzip.compress(LINES)[:-20])
    done = run(home, f"import {file}")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"damaged" in done.stderr


def test_a_bad_line_is_shown_with_its_number_and_ends_in_exit_code_1(at: Stage) -> None:
    home = at("migrated")
    lines = LINES.splitlines(keepends=True)
    content = b"".join([*lines[:4], b"\xff\n", *lines[4:]])
    done = run(home, "import - --json", content)
    told = json.loads(done.stdout)
    assert (done.returncode, told["refused"]) == (1, 1)
    assert (told["refusals"][0]["line"], told["refusals"][0]["status"]) == (5, 422)
    assert told["results"] == {"created": 8, "updated": 10}
    shown = run(home, "import -", content)
    assert shown.returncode == 1
    assert b"line 5" in shown.stderr


def test_who_asks_is_remembered(at: Stage) -> None:
    home = at("migrated")
    assert run(home, "import - --by u:991", LINES).returncode == 0
    assert run(home, "payout 2024-10-07").returncode == 0
    with opened(Settings(home=home)) as houses:
        told, asked = (
            {event.by for event in house.log.history() if isinstance(event, Asked.Made)}
            for house in (houses.gateway, houses.billing)
        )
    assert (told, asked) == ({"u:991"}, {"system"})


def test_the_documents_of_the_facts_are_as_the_code_has_them(tmp_path: Path) -> None:
    assert run(tmp_path, "facts check").returncode == 0
    assert answered(tmp_path, "facts check") == {"files": []}


def commands() -> list[str]:
    """Every command there is."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found = []
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, TyperGroup) else None
        found += [f"{name} {each}" for each in inner] if inner else [name]
    return sorted(found)


CHANGING = (
    "import", "payout", "close", "remind", "migrate", "forget", "keys add", "keys revoke",
)  # fmt: skip


@pytest.mark.parametrize("command", commands())
def test_every_command_helps_with_an_example_and_has_the_options_it_should(
    tmp_path: Path, command: str
) -> None:
    done = run(tmp_path, f"{command} --help")
    assert done.returncode == 0
    help_text = done.stdout.decode()
    assert f"cagette {command}" in help_text.partition("Example")[2]
    wanted = {"--json"} | ({"--dry-run", "--by"} if command in CHANGING else set())
    assert {option for option in wanted if option not in help_text} == set()


def test_on_a_full_disk_a_payout_settles_nothing_and_can_be_asked_again(cagette: World) -> None:
    many = {str(producer): 10_000 for producer in range(100)}
    producers = [notices.producer(producer) for producer in many]
    cagette.told(notices.market(), *producers, notices.distribution(sales=many))
    log = cagette.home.billing.log
    before = log.head()
    with full_disk(log):
        with pytest.raises(STORAGE_EXCEPTIONS) as failure:
            cagette.payout("2024-10-07")
        assert isinstance(storage_refusal(failure.value), DiskFull)
        assert log.head() == before
    assert cagette.payout("2024-10-07").figures["transfers"] == 100
    cagette.close("2024-10", on=date(2024, 11, 1))
    assert cagette.violations() == []


def test_a_slip_of_the_pen_in_a_day_or_a_setting_is_refused_in_words(at: Stage) -> None:
    home = at("migrated")
    refused(run(home, "remind 2200-01-01"), "not-valid", "check the year")
    half = run(home, "status", CAGETTE_KAFKA_BOOTSTRAP="127.0.0.1:9092")
    refused(half, "not-valid", "CAGETTE_DATABASE_URL", "set both")
    refused(run(home, "serve", CAGETTE_PORT="99999"), "not-valid", "65535")
    with socket.create_server(("127.0.0.1", 0)) as others:
        taken = str(others.getsockname()[1])
        refused(run(home, "serve", CAGETTE_PORT=taken), "not-valid", taken, "CAGETTE_PORT")
    refused(run(home, "serve", CAGETTE_HOST="192.0.2.1"), "not-valid", "CAGETTE_HOST")
