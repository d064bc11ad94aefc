"""`cagette forget` as operations run it, and homes from before there was a vault."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.cli.forgetting import unsound_keys
from deploy.cli.home import opened
from services.billing.adapters.html import page
from shared.eventstore.failures import NotMigrated
from shared.kernel.answers import Result
from shared.kernel.errors import NumberReused
from shared.kernel.persons import IN_CLEAR, Person
from shared.settings import Settings
from shared.vault.seal import SealBroken
from shared.vault.vault import Vault, VaultMissing, producer_key
from tests.billing.test_documents import on_site
from tests.support.commands import answered, refused, run
from tests.support.notices import distribution, producer
from tests.support.services import a_database
from tests.support.world import World, world


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two producers, one of whom sold, and with that month closed."""
    with world(tmp_path / "home") as cagette:
        cagette.told(on_site(), producer(), producer("7"), distribution())
        cagette.close("2024-10", date(2024, 11, 1))
    return tmp_path / "home"


def test_a_person_is_forgotten_once_and_the_audit_is_content(home: Path) -> None:
    first = answered(home, "forget 2045 --why letter --by u:991")
    assert (first["result"], first["keys_destroyed"]) == ("updated", 1)
    again = answered(home, "forget 2045 --why letter --by u:991")
    assert (again["result"], again["keys_destroyed"]) == ("unchanged", 0)
    assert answered(home, "verify")["violations"] == []


def test_forgetting_needs_a_reason_and_somebody_who_is_known(home: Path) -> None:
    refused(run(home, "forget 2045"), "not-valid", "--why")
    refused(run(home, "forget 99 --why letter"), "not-found", "99", "cagette export producers")


def test_who_has_something_open_is_not_forgotten_and_it_is_said_what_to_do(home: Path) -> None:
    with opened(Settings(home=home)) as houses:
        late = distribution("D2", validated_at="2024-11-08T21:00:00+01:00")
        World(houses).told(late)
    refused(run(home, "forget 2045 --why letter"), "still-unfinished", "close 2024-11")


def test_broken_off_before_the_key_was_destroyed_it_is_noticed_and_finished(home: Path) -> None:
    with opened(Settings(home=home)) as houses:
        houses.gateway_desk.forget("2045", by="test", why="broken off")
    done = run(home, "verify --json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["violations"] == [
        "vault: 2045 was forgotten, but the key still exists: forget this producer again"
    ]
    with opened(Settings(home=home)) as houses:
        answer = World(houses).forget("2045")
        assert (answer.result, answer.figures) == (Result.UPDATED, {"keys_destroyed": 1})
        assert list(unsound_keys(houses)) == []


def test_sold_between_the_break_and_the_second_try_nothing_keeps_him(home: Path) -> None:
    with opened(Settings(home=home)) as houses:
        houses.gateway_desk.forget("2045", by="test", why="broken off")
        World(houses).told(distribution("D2", validated_at="2024-11-08T21:00:00+01:00"))
        assert World(houses).forget("2045").figures == {"keys_destroyed": 1}


def test_a_lost_vault_is_not_replaced_in_silence(home: Path) -> None:
    (home / "vault.sqlite").rename(home / "elsewhere")
    refused(run(home, "status"), "not-migrated", "no vault")
    refused(run(home, "migrate"), "vault-missing", "backup")
    (home / "vault.sqlite").unlink()
    (home / "elsewhere").rename(home / "vault.sqlite")
    with opened(Settings(home=home)) as houses:
        assert list(unsound_keys(houses)) == []


def test_the_vault_of_another_home_is_noticed(home: Path, tmp_path: Path) -> None:
    with world(tmp_path / "other") as other:
        other.told(producer("7"))
    (home / "vault.sqlite").write_bytes((tmp_path / "other" / "vault.sqlite").read_bytes())
    not_opened = (
        "The key producer/7 does not open what was sealed under it: "
        "restore the backup of the vault that belongs to this log."
    )
    with opened(Settings(home=home)) as houses:
        assert list(unsound_keys(houses)) == [
            "vault: Persons are sealed under documents/2024, a key that never existed.",
            "vault: Persons are sealed under producer/2045, a key that never existed.",
            f"vault: {not_opened}",
        ]
        with pytest.raises(SealBroken, match="restore the"):
            World(houses).told(producer("7"))


def test_a_dry_import_makes_no_key(home: Path) -> None:
    line = json.dumps(producer("8")).encode()
    assert answered(home, "import - --dry-run", line)["results"] == {"created": 1}
    same, other = producer("7"), producer("7", name="Un tout autre nom")
    lines = b"\n".join(json.dumps(notice).encode() for notice in (same, other))
    told = json.loads(run(home, "import - --dry-run --json", lines).stdout)
    assert (told["results"], told["refused"]) == ({"unchanged": 1}, 1)
    with opened(Settings(home=home)) as houses:
        assert set(houses.vault.keys.names()) == {"producer/7", "producer/2045", "documents/2024"}


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home as the first version wrote it: persons in clear JSON, no vault."""

    def in_clear(vault: Vault, key_name: str, person: Person, **_: Any) -> str:
        return IN_CLEAR + msgspec.json.encode(person).decode()

    with monkeypatch.context() as first_version, world(tmp_path / "home") as cagette:
        first_version.setattr(Vault, "seal", in_clear)
        cagette.told(on_site(), producer(), distribution(), producer("7"))
        cagette.close("2024-10", date(2024, 11, 1))
    (tmp_path / "home" / "vault.sqlite").unlink()
    return tmp_path / "home"


@pytest.fixture
def upgraded(old_home: Path) -> Iterator[World]:
    """The old home, migrated by this version."""
    with opened(Settings(home=old_home), check=False) as home:
        with pytest.raises(NotMigrated, match="cagette migrate"):
            home.check()
        home.migrate()
        home.check()
        yield World(home)


def test_a_home_from_before_the_vault_goes_on_as_if_nothing_had_been(upgraded: World) -> None:
    issue = upgraded.home.billing_desk.document("F2024-000001")
    assert "Ferme 2045" in page(issue, upgraded.home.vault)
    assert [a.result for a in upgraded.told(producer(), producer("7"))] == [Result.UNCHANGED] * 2
    with pytest.raises(NumberReused):
        upgraded.told(producer(name="Un tout autre nom"))
    assert upgraded.told(producer(seq=2))[0].result is Result.UPDATED
    upgraded.told(distribution("D2", validated_at="2024-11-08T21:00:00+01:00"))
    upgraded.close("2024-11", date(2024, 12, 1))
    issue = upgraded.home.billing_desk.document("F2024-000002")
    assert issue.buyer.startswith("siv1:documents/2024:")
    assert "Ferme 2045" in page(issue, upgraded.home.vault)


def test_a_document_of_who_was_told_before_the_vault_names_him_sealed(upgraded: World) -> None:
    upgraded.told(distribution("D2", {"7": 5_000}, validated_at="2024-11-08T21:00:00+01:00"))
    upgraded.close("2024-11", date(2024, 12, 1))
    issue = upgraded.home.billing_desk.document("F2024-000002")
    assert issue.buyer.startswith("siv1:documents/2024:")
    assert "Ferme 7" in page(issue, upgraded.home.vault)


def test_what_stands_in_clear_from_before_is_not_said_to_be_gone(upgraded: World) -> None:
    upgraded.told(producer("8"))
    for who in ("2045", "7"):
        (warning,) = upgraded.forget(who).warnings
        assert f"told about {who} before this home had a vault is unencrypted" in warning
    assert upgraded.forget("8").warnings == ()
    assert not upgraded.home.vault.has_key(producer_key("7"))
    assert [a.result for a in upgraded.told(producer("7"))] == [Result.UNCHANGED]


def test_a_vault_gone_from_a_migrated_home_is_not_made_again(upgraded: World) -> None:
    upgraded.told(producer("8"))
    upgraded.home.vault.keys.close()
    (upgraded.home.folder / "vault.sqlite").unlink()
    with pytest.raises(VaultMissing):
        upgraded.home.migrate()


def test_a_vault_may_have_a_database_of_its_own(
    tmp_path: Path, database_url: str, broker: dict[str, str], postgres: str
) -> None:
    with a_database(postgres) as apart:
        settings: dict[str, Any] = {"database_url": database_url, "patience_seconds": 30, **broker}
        with world(tmp_path / "home", vault_url=apart, **settings) as cagette:
            cagette.told(producer())
            assert cagette.home.vault.keys.names() == {"producer/2045": True}
        elsewhere = Settings(home=tmp_path / "home", **settings)
        with opened(elsewhere, check=False) as home, pytest.raises(VaultMissing):
            home.migrate()
