"""The local PostgreSQL and Kafka: as root and not, under closed homes, without orphans."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg
import pytest

from deploy.local.kafka import jars, java
from deploy.local.postgres import ELSEWHERE, WHEEL, LocalPostgres, binaries, outside
from deploy.local.processes import NotToBeHad
from tests.support.processes import CAGETTE, wait_until
from tests.support.services import missing

ROOT = Path(__file__).parents[2]
SERVICES = "home/services/postgres"


@pytest.fixture(autouse=True)
def to_be_had() -> None:
    """Skip the test, or fail it under CI, if the servers cannot be had here."""
    try:
        binaries()
        java()
        jars()
    except NotToBeHad as reason:
        missing(reason)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that only we can enter, as a home is."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    yield folder
    for kept in (SERVICES, "home/demo/services/postgres"):
        for each in outside(folder / kept):
            shutil.rmtree(each)


@pytest.fixture(params=["open", "closed"])
def kept(request: pytest.FixtureRequest, closed: Path) -> Iterator[Path]:
    """Where a PostgreSQL is to keep its data: in a folder that all may enter, or only we."""
    if request.param == "closed":
        yield closed / SERVICES
    else:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield Path(folder) / ("a-long-name" * 9) / SERVICES


def remembers(url: str) -> bool:
    """Whether this database was seen before; marks it as seen."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('seen')").fetchone()
        connection.execute("CREATE TABLE IF NOT EXISTS seen ()")
    return row != (None,)


def test_what_is_kept_is_found_again_even_after_a_move(kept: Path) -> None:
    home, elsewhere = kept.parents[1], kept.parents[1].with_name("moved")
    for _ in range(2):
        with LocalPostgres(kept) as postgres:
            seen = remembers(postgres.url)
    assert seen
    home.rename(elsewhere)
    with LocalPostgres(kept) as anew, LocalPostgres(elsewhere / "services/postgres") as moved:
        assert (remembers(anew.url), remembers(moved.url)) == (False, True)


def test_homes_that_were_removed_are_forgotten_and_do_not_pile_up(closed: Path) -> None:
    kept = closed / SERVICES
    for _ in range(3):
        with LocalPostgres(kept) as postgres:
            assert not remembers(postgres.url)
        shutil.rmtree(kept.parents[1])
    assert len(outside(kept)) <= 2


def test_a_home_that_was_closed_later_is_not_begun_anew(kept: Path) -> None:
    with LocalPostgres(kept) as postgres:
        remembers(postgres.url)
    was_inside = not (kept / ELSEWHERE).exists()
    kept.parents[2].chmod(0o700)
    refused: AbstractContextManager[object] = nullcontext()
    if os.geteuid() == 0 and was_inside:
        refused = pytest.raises(NotToBeHad, match="let others enter")
    with refused, LocalPostgres(kept) as again:
        assert remembers(again.url)


def test_a_link_to_data_that_are_gone_is_not_followed_in_silence(tmp_path: Path) -> None:
    (tmp_path / ELSEWHERE).symlink_to(tmp_path / "gone")
    with pytest.raises(NotToBeHad, match="is gone: remove"):
        LocalPostgres(tmp_path)


def test_binaries_that_only_we_can_read_are_copied(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec(WHEEL)
    assert spec
    assert spec.origin
    wheel = Path(spec.origin).parent
    for tree in (wheel, wheel.with_name(f"{WHEEL}.libs")):
        if tree.exists():
            shutil.copytree(tree, closed / tree.name, symlinks=True)
    for path in closed.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.syspath_prepend(closed)
    assert binaries().is_relative_to(closed)
    before = os.umask(0o077)
    try:
        with LocalPostgres(closed / SERVICES) as postgres:
            assert not remembers(postgres.url)
    finally:
        os.umask(before)


def family(pid: int) -> set[int]:
    """The descendants of a process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, fresh = set[int](), {pid}
    while fresh:
        found |= fresh
        fresh = {child for child, parent in parents.items() if parent in fresh}
    return found - {pid}


def is_alive(pid: int) -> bool:
    """Whether a process has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def on_its_own(closed: Path) -> dict[str, str]:
    """An environment in a closed home, with no servers but those it starts."""
    for name in ("home", "tmp"):
        (closed / name).mkdir(mode=0o700, exist_ok=True)
    given = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    places = {"CAGETTE_HOME": f"{closed}/home", "TMPDIR": f"{closed}/tmp"}
    return {**given, **places, "DOCKER_HOST": f"unix://{closed}/none"}


@contextmanager
def until_it_says(
    command: list[str], environment: dict[str, str], word: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A command at work, and its first line with a word in it; killed at the end if need be."""
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, next((line for line in process.stdout if word in line), "")
        finally:
            process.kill()


def command_of(pid: int) -> list[str]:
    """The words that a process was started with; none if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def leaves_no_orphan(process: "subprocess.Popen[str]") -> None:
    """Kill -9: whatever it has started ends too."""
    started = family(process.pid)
    commands = [command_of(pid) for pid in started]
    servers = [command for command in commands if "-D" in command]
    assert servers
    assert any("kafka.Kafka" in command for command in commands)
    process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in started), seconds=20)
    for command in servers:
        folder = Path(command[command.index("-D") + 1]).parent
        if folder.name.startswith("cagette-pg-"):
            shutil.rmtree(folder)


def test_services_under_a_closed_home_leave_no_orphan_and_find_their_data_again(
    closed: Path,
) -> None:
    command = [*CAGETTE, "services", "up", "--json"]
    seen = []
    for end in (leaves_no_orphan, lambda process: process.send_signal(signal.SIGINT)):
        with until_it_says(command, on_its_own(closed), "CAGETTE_DATABASE_URL") as (process, line):
            seen.append(remembers(json.loads(line)["CAGETTE_DATABASE_URL"]))
            end(process)
            process.wait(20)
    assert (seen, process.returncode) == ([False, True], 0)


FIXTURES_AT_WORK = """
import psycopg, sys, time
def test_fixtures(database_url, broker):
    psycopg.connect(database_url).close()
    print("at work", file=sys.__stdout__, flush=True)
    time.sleep(60)
"""


def test_pytest_under_a_closed_home_leaves_no_orphan_when_it_is_killed(closed: Path) -> None:
    file = closed / "test_at_work.py"
    file.write_text(FIXTURES_AT_WORK)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "tests.conftest", str(file)]
    with until_it_says(command, on_its_own(closed), "at work") as (process, line):
        assert line
        leaves_no_orphan(process)
