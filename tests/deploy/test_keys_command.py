"""`cagette keys`, and the key that a home has of its own."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deploy.cli.home import opened
from deploy.cli.web import web_app
from shared.settings import Settings
from tests.support.commands import answered, refused, run


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("migrated")
    answered(home, "migrate")
    return home


@pytest.fixture
def home(migrated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(migrated, tmp_path / "home")


def migrate(home: Path, key: str | None = None) -> None:
    """Migrate as the command does."""
    with opened(Settings(home=home, key=key), check=False) as houses:
        houses.migrate()


def status(home: Path, key: str, path: str = "/v1/held") -> int:
    """The status with which a door to a home answers a key."""
    with opened(Settings(home=home)) as houses:
        app = web_app(houses, Settings(home=home), None, threading.Event())
        with TestClient(app, headers={"Authorization": f"Bearer {key}"}) as http:
            return int(http.get(path).status_code)


def test_a_key_made_by_command_opens_the_door_until_a_command_revokes_it(home: Path) -> None:
    made = answered(home, "keys add marketplace --scope tell --scope read --by anne")
    assert made["key"].startswith(f"ck_{made['key_id']}_")
    assert (made["scopes"], made["made_by"]) == (["tell", "read"], "anne")
    assert status(home, made["key"]) == 200
    (listed,) = (k for k in answered(home, "keys list") if k["holder"] == "marketplace")
    assert listed["last_used_at"] >= listed["made_at"]
    revoke = f"keys revoke {made['key_id']} --why rotated --by marc"
    assert answered(home, f"{revoke} --dry-run")["result"] == "revoked"
    assert status(home, made["key"]) == 200
    assert [answered(home, revoke)["result"] for _ in range(2)] == ["revoked", "unchanged"]
    assert status(home, made["key"]) == 401


def test_a_key_is_shown_once_and_no_list_has_it(home: Path) -> None:
    key = run(home, "keys add marketplace --scope tell").stdout.decode().split()[-1]
    assert status(home, key) == 403
    for command in ("keys list", "keys list --json"):
        said = run(home, command).stdout.decode()
        assert key.split("_")[1] in said
        assert key.split("_")[2] not in said


def test_a_dry_run_makes_no_key_and_shows_none(home: Path) -> None:
    would = answered(home, "keys add shop --scope read --producer 2045 --dry-run")
    assert (would["key"], would["dry_run"], would["producer_id"]) == (None, True, "2045")
    assert {key["holder"] for key in answered(home, "keys list")} == {"home"}


def test_what_cannot_be_is_refused_by_name(home: Path) -> None:
    for _ in range(2):
        assert run(home, "keys add marketplace --scope tell").returncode == 0
    refused(run(home, "keys add marketplace --scope tell"), "two-keys-already", "revoke")
    refused(run(home, "keys add shop --scope tell --producer 7"), "not-valid", "may only read")
    refused(run(home, "keys revoke 000000000000 --why x"), "not-found", "keys list")
    refused(run(home, "keys revoke 000000000000"), "not-valid", "--why")


def test_a_home_has_a_key_of_its_own_in_a_file_that_its_owner_alone_reads(home: Path) -> None:
    file = home / "api-key"
    key = file.read_text()
    assert key.startswith("ck_")
    assert file.stat().st_mode & 0o777 == 0o600
    (listed,) = answered(home, "keys list")
    assert (listed["holder"], listed["scopes"]) == ("home", ["tell", "read", "operate"])
    assert status(home, key) == 200
    migrate(home)
    assert file.read_text() == key


@pytest.mark.parametrize(
    "content", [None, "", "a-key-of-an-older-version", f"ck_{'0' * 12}_{'0' * 48}"]
)
def test_a_home_whose_key_is_lost_or_opens_nothing_gets_another(
    home: Path, content: str | None
) -> None:
    file = home / "api-key"
    file.unlink()
    if content is not None:
        file.write_text(content)
    migrate(home)
    assert file.read_text() != content
    assert status(home, file.read_text()) == 200


def test_where_the_settings_have_a_key_the_home_makes_none(tmp_path: Path) -> None:
    for _ in range(3):
        migrate(tmp_path, key="a-key")
    assert run(tmp_path, "keys list --json", CAGETTE_KEY="a-key").stdout == b"[]\n"
    assert not (tmp_path / "api-key").exists()


def test_a_home_from_before_there_were_keys_is_migrated_first(home: Path) -> None:
    with closing(sqlite3.connect(home / "gateway.sqlite")) as gateway:
        gateway.execute("DROP TABLE api_keys")
        gateway.commit()
    refused(run(home, "keys list"), "not-migrated", "cagette migrate")
    refused(run(home, "serve"), "not-migrated", "cagette migrate")
    migrate(home)
    assert [key["holder"] for key in answered(home, "keys list")] == ["home"]
