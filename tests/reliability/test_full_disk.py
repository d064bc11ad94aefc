"""A full disk under PostgreSQL, of data or of WAL: refused by name, and nothing is lost."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres import LocalPostgres
from services.gateway.api.imports import import_lines
from shared.eventstore.failures import DiskFull, StorageAway
from shared.kernel.errors import Refusal
from shared.settings import Settings
from tests.reliability.deaths import home_of
from tests.support.notices import Notice, distribution, market, producer
from tests.support.recount import recount
from tests.support.services import make_url, to_be_had
from tests.support.world import World

FIRST = [market(), producer("1"), distribution("D0", {"1": 5_000})]
REST = [distribution(f"D{n}", {"1": 1_000 + n}) for n in range(1, 60)]
FILLED = "INSERT INTO filler SELECT repeat(md5(n::text), 30) FROM generate_series(1, %s) AS n"


@contextmanager
def small_disk(server: LocalPostgres, megabytes: int) -> Iterator[Path]:
    """A small file system in memory, in which the server may write."""
    folder, owner = server.folder / "small", (server.folder / "data").stat()
    folder.mkdir()
    try:
        mounted(folder, f"size={megabytes}m")
        os.chown(folder, owner.st_uid, owner.st_gid)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def mounted(folder: Path, options: str) -> None:
    """Mount it, or give it another size. Only root may, and not in every container."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "cagette", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no small disk to be had here ({done.stderr.strip()})")


@pytest.fixture
def server() -> Iterator[LocalPostgres]:
    """A PostgreSQL of this test's own."""
    with to_be_had(LocalPostgres()) as its_own:
        yield its_own


def settings(home: Path, url: str) -> Settings:
    """The settings of a home on that database; no broker is asked for anything."""
    home.mkdir(exist_ok=True)
    return Settings(home=home, database_url=url, kafka_bootstrap="nowhere:1")


@contextmanager
def opened(home: Path, url: str) -> Iterator[World]:
    """A home as a process that was just started opens it."""
    its_own = home_of(settings(home, url))
    try:
        yield World(its_own)
    finally:
        its_own.close()


def refusals(world: World, notices: list[Notice]) -> set[type[Refusal]]:
    """What the notices are refused with, while no worker runs."""
    lines = [json.dumps(notice).encode() for notice in notices]
    results = import_lines(world.home.gateway_desk, lines, by="test")
    return {type(r.outcome) for r in results if isinstance(r.outcome, Refusal)}


def test_a_full_disk_of_data_is_507_and_what_was_refused_is_told_again(
    server: LocalPostgres, tmp_path: Path
) -> None:
    with small_disk(server, 40) as disk:
        with psycopg.connect(server.url, autocommit=True) as owner:
            owner.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            owner.execute("CREATE DATABASE small TABLESPACE small")
        url = make_url(server.url, "small")
        with opened(tmp_path / "home", url) as world:
            world.home.migrate()
            world.told(*FIRST)
            with psycopg.connect(url, autocommit=True) as filler:
                filler.execute("CREATE TABLE filler (content TEXT)")
                with pytest.raises(psycopg.errors.DiskFull):
                    filler.execute(FILLED, (50_000,))
                assert refusals(world, REST) == {DiskFull}
                filler.execute("DROP TABLE filler")
            world.told(*REST)
            assert world.bills().fees == recount([("tell", n) for n in FIRST + REST]).fees
            assert world.violations() == []
        server.stop()


def test_a_full_disk_of_wal_ends_the_database_and_nothing_that_was_answered_is_lost(
    server: LocalPostgres, tmp_path: Path
) -> None:
    wal = server.folder / "data" / "pg_wal"
    server.stop()
    with small_disk(server, 48) as disk:
        subprocess.run(["cp", "-a", str(wal), str(disk / "pg_wal")], check=True)
        subprocess.run(["rm", "-r", str(wal)], check=True)
        os.symlink(disk / "pg_wal", wal)
        server.start()
        with opened(tmp_path / "home", server.url) as world:
            world.home.migrate()
            world.told(*FIRST)
            with psycopg.connect(server.url, autocommit=True) as filler:
                filler.execute("CREATE TABLE filler (content TEXT)")
                with pytest.raises(psycopg.OperationalError):
                    filler.execute(FILLED, (100_000,))
            assert refusals(world, REST) == {StorageAway}
        server.stop()
        mounted(disk, "remount,size=400m")
        server.start()
        with opened(tmp_path / "home", server.url) as world:
            world.told(*FIRST, *REST)
            assert world.bills().fees == recount([("tell", n) for n in FIRST + REST]).fees
            assert world.violations() == []
        server.stop()
