"""The traps 1, 2 and 6 of eventsourcing 9.5.6 (design.md §3), on a real PostgreSQL.

Each is a pair under the same load: the library's own recorder falls into the trap, ours does not.
If the first of a pair fails, the library has mended the trap, and part of ours is no longer needed.
"""

import multiprocessing
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import LiteralString, NoReturn

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Tracking
from eventsourcing.postgres import PostgresProcessRecorder

from services.billing import main as billing
from shared.eventstore.engines import postgres_engine
from shared.eventstore.failures import NotMigrated, UnsafeSetting
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import PositionConflict, Step
from shared.eventstore.views import Views
from tests.support.processes import CAGETTE, wait_until
from tests.support.recorders import Database, connected, events, one, ours, stock

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
START_SECONDS = 60
"""Enough for a Python to import all this on a busy machine."""
WRITE_SECONDS = 6
"""For 12 MB, which take half a second."""
TRIES = 12
"""Nearly every large batch hangs, but not all; fewer on a busy machine."""

Opened = Callable[[str], AbstractContextManager[ApplicationRecorder]]


@pytest.fixture
def library(database_url: str) -> Iterator[PostgresProcessRecorder]:
    """The library's recorder as it comes, but with enough connections."""
    with stock(database_url, pool_size=2) as recorder:
        yield recorder


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresLogRecorder]:
    """Our recorder."""
    with ours(database_url) as fresh:
        yield fresh


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Another client's connection to the same database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def mended(trap: str) -> NoReturn:
    """Fail because the library has become better, saying what that means for ours."""
    pytest.fail(f"The library has mended trap {trap} of design.md §3: what ours does is spare now.")


@contextmanager
def started(target: Callable[..., None], *arguments: object) -> Iterator[ForkServerProcess]:
    """A process of its own, killed at the end; it ends by itself if this one is killed."""
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def write_a_large_batch(url: str, of: Opened, ready: Event) -> None:
    """Write 2 000 events and 12 MB with one call, in a process of its own."""
    signal.alarm(START_SECONDS + WRITE_SECONDS)
    with of(url) as recorder:
        batch = events(2_000, 6_000)
        ready.set()
        recorder.insert_events(batch)


@contextmanager
def writing(url: str, of: Opened) -> Iterator[ForkServerProcess]:
    """A process that has had its time to write a large batch."""
    ready = PROCESSES.Event()
    with started(write_a_large_batch, url, of, ready) as process:
        assert ready.wait(START_SECONDS)
        process.join(WRITE_SECONDS)
        yield process


def test_the_library_hangs_over_a_batch_of_some_mb_and_locks_everybody_out(
    database_url: str, library: PostgresProcessRecorder, database: Database
) -> None:
    for tries in range(TRIES):
        with writing(database_url, stock) as process:
            if process.exitcode == 0:
                continue
            assert process.exitcode is None
            database.execute("SET lock_timeout = '500ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                database.execute("DELETE FROM stored_events")
        assert one(database, "SELECT count(*) FROM stored_events") == 2_000 * tries
        return
    mended("1 (a batch of some MB hangs)")


def test_ours_writes_a_batch_of_some_mb_in_seconds(
    database_url: str, recorder: PostgresLogRecorder
) -> None:
    with writing(database_url, ours) as process:
        assert process.exitcode == 0
    assert recorder.max_notification_id() == 2_000


@contextmanager
def slow_vacuum(url: str, table: LiteralString) -> Iterator[int]:
    """A VACUUM of one page every 100 ms, cancelled at the end; yields its server process."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET vacuum_cost_delay = 100")
        connection.execute("SET vacuum_cost_limit = 1")

        def work() -> None:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute(f"VACUUM {table}")

        thread = threading.Thread(target=work)
        thread.start()
        with psycopg.connect(url, autocommit=True) as other:
            at_work = partial(one, other, "SELECT count(*) FROM pg_stat_progress_vacuum")
            wait_until(lambda: at_work() == 1)
            try:
                yield connection.info.backend_pid
                assert at_work() == 1
            finally:
                connection.cancel_safe()
                thread.join()


def test_a_writer_of_the_library_waits_for_a_vacuum(
    database_url: str, library: PostgresProcessRecorder, database: Database
) -> None:
    library.insert_events(events(1_000, 1_500))
    writer = threading.Thread(target=library.insert_events, args=(events(1, 10),))
    with slow_vacuum(database_url, "stored_events") as vacuum:
        writer.start()
        writer.join(1)
        if not writer.is_alive():
            mended("1 (its lock conflicts with VACUUM)")
        blockers = "SELECT pg_blocking_pids(pid) FROM pg_locks WHERE NOT granted"
        assert one(database, blockers) == [vacuum]
    writer.join()


def test_a_writer_of_ours_does_not_wait_for_a_vacuum(
    database_url: str, recorder: PostgresLogRecorder
) -> None:
    recorder.insert_events(events(1_000, 1_500))
    writer = threading.Thread(target=recorder.insert_events, args=(events(1, 10),))
    with slow_vacuum(database_url, "house.stored_events"):
        writer.start()
        writer.join(1)
        assert not writer.is_alive()
    assert recorder.max_notification_id() == 1_001


COMMIT_LATE = """
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(CASE NEW.topic WHEN 'late' THEN 1 ELSE random() / 100 END);
       RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION late();
"""
"""The commit of an event `late` takes a second, of any other up to 10 ms."""


def read_on(recorder: ApplicationRecorder, seen: list[int]) -> list[str]:
    """Read what follows the last position seen, as every reader of ours polls; its topics."""
    last = seen[-1] if seen else 0
    page = recorder.select_notifications(last, 1_000, inclusive_of_start=False)
    seen.extend(each.id for each in page)
    return [each.topic for each in page]


def seen_while_one_commits_late(recorder: ApplicationRecorder, database: Database) -> list[str]:
    """The topics that a polling reader sees while `late` commits and `soon` comes second."""
    late, soon = (
        threading.Thread(target=recorder.insert_events, args=(events(1, 10, topic),))
        for topic in ("late", "soon")
    )
    late.start()
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: one(database, asleep) == 1)
    soon.start()
    seen: list[int] = []
    topics: list[str] = []
    while late.is_alive() or soon.is_alive():
        topics += read_on(recorder, seen)
    return topics + read_on(recorder, seen)


def test_the_library_with_its_database_functions_loses_events_for_who_reads_on(
    database_url: str, database: Database
) -> None:
    with stock(database_url, pool_size=3, enable_db_functions=True) as recorder:
        database.execute(COMMIT_LATE.format("stored_events"))
        topics = seen_while_one_commits_late(recorder, database)
    if "late" in topics:
        mended("2 (readers miss events)")
    assert topics == ["soon"]
    assert one(database, "SELECT count(*) FROM stored_events") == 2


def test_ours_commits_in_the_order_of_positions(
    recorder: PostgresLogRecorder, database: Database
) -> None:
    database.execute(COMMIT_LATE.format("house.stored_events"))
    assert seen_while_one_commits_late(recorder, database) == ["late", "soon"]


def test_a_reader_of_ours_misses_nothing_of_four_writers(
    database_url: str, recorder: PostgresLogRecorder, database: Database
) -> None:
    database.execute(COMMIT_LATE.format("house.stored_events"))

    def write() -> None:
        with ours(database_url) as own:
            for _ in range(40):
                own.insert_events(events(3, 10))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    while any(writer.is_alive() for writer in writers):
        read_on(recorder, seen)
    read_on(recorder, seen)
    assert seen == list(range(1, 481))


def test_the_library_with_its_database_functions_forgets_what_was_tracked(
    database_url: str,
) -> None:
    with stock(database_url, enable_db_functions=True) as recorder:
        with suppress(IntegrityError):
            for _ in range(2):
                recorder.insert_events(events(1, 10), tracking=Tracking("gateway/0", 5))
        if recorder.max_tracking_id("gateway/0") is not None:
            mended("2 (tracking is dropped)")
        assert recorder.max_notification_id() == 2


def test_ours_tracks_once_and_does_not_start_with_those_functions(
    recorder: PostgresLogRecorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorder.insert_events(events(1, 10), steps=[Step("gateway/0", None, 5)])
    with pytest.raises(PositionConflict):
        recorder.insert_events(events(1, 10), steps=[Step("gateway/0", None, 5)])
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    with pytest.raises(UnsafeSetting, match="Unset POSTGRES_ENABLE_DB_FUNCTIONS"):
        EventLog(recorder)
    monkeypatch.setenv("CAGETTE_HOME", str(tmp_path))
    done = subprocess.run([*CAGETTE, "migrate"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unsafe-setting" in done.stderr


STARTERS = 8
ROUNDS = 5
"""Each in a schema of its own, which nobody has used before."""


def application(url: str, schema: str) -> None:
    """The library's application, as a service would start it."""
    environment = {f"POSTGRES_{name.upper()}": value for name, value in connected(url).items()}
    environment |= {"POSTGRES_SCHEMA": schema, "POSTGRES_POOL_SIZE": "1"}
    Application(env={"PERSISTENCE_MODULE": "eventsourcing.postgres", **environment}).close()


def migration(url: str, schema: str) -> None:
    """What `cagette migrate` does to the tables of billing."""
    log = EventLog(PostgresLogRecorder(url, schema))
    log.migrate()
    log.check()
    views = Views(log, billing.VIEWS, postgres_engine(url, schema))
    views.migrate()
    views.engine.dispose()
    log.close()


def start_in_step(
    url: str, start: Callable[[str, str], None], turn: Barrier, said: "Queue[list[str]]"
) -> None:
    """One of the processes that start at the same moment; says what went wrong."""
    signal.alarm(START_SECONDS + 30)
    wrong = []
    for number in range(ROUNDS):
        turn.wait(START_SECONDS)
        try:
            start(url, f"schema{number}")
        except Exception as error:
            wrong.append(repr(error))
    said.put(wrong)


def went_wrong(url: str, start: Callable[[str, str], None]) -> list[str]:
    """What goes wrong when eight processes start at once, in five schemas in turn."""
    turn, said = PROCESSES.Barrier(STARTERS), PROCESSES.Queue()
    with ExitStack() as stack:
        for _ in range(STARTERS):
            stack.enter_context(started(start_in_step, url, start, turn, said))
        return [each for _ in range(STARTERS) for each in said.get(timeout=START_SECONDS + 30)]


def test_processes_of_the_library_that_start_at_once_die_of_each_other_s_tables(
    database_url: str, database: Database
) -> None:
    for number in range(ROUNDS):
        database.execute(f"CREATE SCHEMA schema{number}".encode())
    wrong = went_wrong(database_url, application)
    if not wrong:
        mended("6 (tables are made at every start)")
    races = ("tuple concurrently updated", "already exists", "duplicate key")
    assert [each for each in wrong if not any(race in each for race in races)] == []


def test_ours_are_migrated_by_eight_processes_at_once(database_url: str) -> None:
    assert went_wrong(database_url, migration) == []


def test_a_service_of_ours_that_starts_makes_no_table(
    database_url: str, database: Database
) -> None:
    log = EventLog(PostgresLogRecorder(database_url, "house"))
    with pytest.raises(NotMigrated):
        log.check()
    log.close()
    assert one(database, "SELECT to_regnamespace('house')") is None
