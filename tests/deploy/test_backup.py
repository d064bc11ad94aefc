"""What a backup keeps, what is refused before anything is written, and who stays forgotten."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.backup.archive import VAULT, BackupDamaged, NotEmpty, file_of
from deploy.backup.restoring import proved_backup, refuse_remembering, restored, views_made
from deploy.backup.taking import taken
from deploy.cli.forgetting import unsound_keys
from deploy.cli.home import Home, opened
from services.billing.adapters.html import page
from shared.eventstore.failures import StorageDamaged, WrittenByNewer
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.settings import Settings
from shared.vault.vault import VaultMissing, producer_key
from shared.web.callers import Scope
from tests.billing.test_documents import on_site
from tests.support.commands import answered, refused, run
from tests.support.notices import distribution, producer
from tests.support.world import World, world


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a closed month, a key of the HTTP API, a webhook, and its backup beside it."""
    with world(tmp_path / "home") as cagette:
        cagette.told(on_site(), producer(), producer("7"), distribution())
        cagette.close("2024-10", date(2024, 11, 1))
        cagette.home.keys.add("marketplace", [Scope.TELL], by="test")
        back_up(cagette.home, tmp_path / "backup")
    run(tmp_path / "home", "webhooks add https://shop.example/hooks")
    return tmp_path / "home"


def back_up(home: Home, folder: Path) -> None:
    taken(home, folder, lambda _: None)


def put_back(backup: Path, folder: Path, vault: Path | None = None) -> None:
    """Restore in this process."""
    manifest, keys = proved_backup(backup, vault)
    with opened(Settings(home=folder), check=False) as home:
        refuse_remembering(home)
        restored(home, backup, manifest, keys, lambda _: None)
        assert sum(views_made(home)) > 0


def test_what_no_log_knows_is_kept_too_and_the_home_makes_a_key_of_its_own(
    home: Path, tmp_path: Path
) -> None:
    told = answered(home, f"backup {tmp_path / 'second'}")
    dry = answered(tmp_path / "again", f"restore {tmp_path / 'second'} --dry-run")
    assert (dry["events"], answered(home, "verify")["heads"]) == (
        told["events"],
        {name: house["seal"] for name, house in told["houses"].items()},
    )
    assert answered(tmp_path / "again", f"restore {tmp_path / 'second'}")["dry_run"] is False
    for command in ("webhooks list", "verify"):
        assert answered(tmp_path / "again", command) == answered(home, command)
    holders = [(k["holder"], k["made_by"]) for k in answered(tmp_path / "again", "keys list")]
    assert holders == [("home", "home"), ("marketplace", "test")]
    assert (tmp_path / "again" / "api-key").read_text() != (home / "api-key").read_text()
    told_again = json.dumps(producer("77")).encode()
    assert answered(tmp_path / "again", "import -", told_again)["refused"] == 0
    events = answered(tmp_path / "again", "verify")["events"]
    assert events < 1_000, "positions that were skipped are no events"
    refused(run(home, f"restore {tmp_path / 'second'}"), "not-empty", "gateway remembers", "new")
    refused(run(home, f"backup {tmp_path / 'second'}"), "not-empty", "already exists")


def flip(file: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def rewrite(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change the content and the digest that proves it, as somebody would by hand."""
    file = file_of(folder, name)
    file.write_bytes(gzip.compress(change(gzip.decompress(file.read_bytes()))))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name]["sha256"] = sha256(file.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


SPOILT: dict[str, Callable[[Path], object]] = {
    "is not a backup": lambda b: (b / "manifest.json").unlink(),
    "manifest.json is not what was": lambda b: (b / "manifest.json").write_text("{}"),
    r"billing\.stored_events.* is not": lambda b: flip(file_of(b, "billing.stored_events")),
    r"vault\.keys.* is not what was": lambda b: flip(file_of(b, VAULT)),
    r"training\.tags.* is missing": lambda b: file_of(b, "training.tags").unlink(),
    "of gateway do not end as": lambda b: rewrite(
        b, "gateway.stored_events", lambda rows: rows.replace(b"Z", b"A")
    ),
    "has a duplicate row": lambda b: rewrite(b, "billing.tags", lambda rows: rows * 2),
    r"tags.* cannot be read": lambda b: rewrite(b, "billing.tags", lambda rows: rows[:-9]),
}
"""What is done to a backup, by what is then said of it."""


def test_a_damaged_backup_is_refused_by_the_name_of_what_is_damaged_and_nothing_is_put_back(
    home: Path, tmp_path: Path
) -> None:
    for number, (words, spoil) in enumerate(SPOILT.items()):
        spoilt = shutil.copytree(tmp_path / "backup", tmp_path / f"spoilt-{number}")
        spoil(spoilt)
        with pytest.raises(BackupDamaged, match=words):
            put_back(spoilt, tmp_path / "again")
        with opened(Settings(home=tmp_path / "again"), check=False) as again:
            refuse_remembering(again)
    put_back(tmp_path / "backup", tmp_path / "again")


def test_a_check_proves_that_the_logs_end_as_the_manifest_says(home: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    assert run(home, f"backup {backup} --check").returncode == 0
    manifest = (backup / "manifest.json").read_text()
    seal = json.loads(manifest)["houses"]["billing"]["seal"]
    (backup / "manifest.json").write_text(manifest.replace(seal, seal[::-1]))
    refused(run(home, f"backup {backup} --check"), "backup-damaged", "billing do not end")
    spoilt = json.loads(manifest)
    spoilt["houses"]["training"]["head"] += 1
    (backup / "manifest.json").write_text(json.dumps(spoilt))
    refused(run(home, f"backup {backup} --check"), "backup-damaged", "training do not end")


@pytest.mark.parametrize(
    ("part", "name"), [("houses", "training"), ("files", "training.stored_events")]
)
def test_a_manifest_that_leaves_a_house_out_is_refused(
    home: Path, tmp_path: Path, part: str, name: str
) -> None:
    file = tmp_path / "backup" / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest[part][name]
    file.write_text(json.dumps(manifest))
    with pytest.raises(BackupDamaged, match="what training remembers"):
        proved_backup(tmp_path / "backup", None)


def test_a_backup_of_a_newer_version_is_refused(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "manifest.json"
    file.write_text(file.read_text().replace(f'"schema": {SCHEMA_VERSION}', '"schema": 99'))
    with pytest.raises(WrittenByNewer, match="schema 99"):
        proved_backup(tmp_path / "backup", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "UPDATE stored_events SET state = replace(state, '2', '3') WHERE position = 2",
            "position 2 ",
        ),
        ("DELETE FROM stored_events WHERE position > 2", "last rows of the log were deleted"),
    ],
)
def test_a_log_that_is_not_what_was_written_is_not_backed_up(
    home: Path, tmp_path: Path, change: str, said: str
) -> None:
    with closing(sqlite3.connect(home / "gateway.sqlite")) as log, log:
        log.execute(change)
    with opened(Settings(home=home)) as houses, pytest.raises(StorageDamaged, match=said):
        back_up(houses, tmp_path / "second")
    assert not list(tmp_path.glob("second*"))
    with opened(Settings(home=home)) as houses, pytest.raises(NotEmpty, match="already"):
        back_up(houses, tmp_path / "backup")


def test_who_was_forgotten_since_has_no_key_where_a_newer_vault_is_given_and_is_named_where_not(
    home: Path, tmp_path: Path
) -> None:
    with opened(Settings(home=home)) as houses:
        World(houses).forget("2045")
        back_up(houses, tmp_path / "newer")
    put_back(tmp_path / "backup", tmp_path / "older")
    with opened(Settings(home=tmp_path / "older")) as houses:
        assert houses.vault.has_key(producer_key("2045"))
        assert houses.vault.has_key(producer_key("7"))
    newest = file_of(tmp_path / "newer", VAULT)
    put_back(tmp_path / "backup", tmp_path / "again", newest)
    with opened(Settings(home=tmp_path / "again")) as houses:
        assert not houses.vault.has_key(producer_key("2045"))
        assert houses.vault.has_key(producer_key("7"))
        assert list(unsound_keys(houses)) == []
        issue = houses.billing_desk.document("F2024-000001")
        assert "Ferme 2045" in page(issue, houses.vault)


def test_a_vault_that_is_there_keeps_what_it_forgot_and_one_kept_apart_is_asked_for(
    home: Path, tmp_path: Path
) -> None:
    with opened(Settings(home=home)) as houses:
        World(houses).forget("2045")
    file_of(tmp_path / "backup", VAULT).rename(tmp_path / "kept-apart")
    with pytest.raises(VaultMissing, match="--vault"):
        put_back(tmp_path / "backup", tmp_path / "again")
    (tmp_path / "again").mkdir(exist_ok=True)
    (home / "vault.sqlite").rename(tmp_path / "again" / "vault.sqlite")
    put_back(tmp_path / "backup", tmp_path / "again", tmp_path / "kept-apart")
    with opened(Settings(home=tmp_path / "again")) as houses:
        assert not houses.vault.has_key(producer_key("2045"))
        assert houses.vault.has_key(producer_key("7"))
