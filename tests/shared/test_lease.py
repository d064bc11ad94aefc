"""One writer at a time, by a file and by PostgreSQL: the others wait, and finally give up."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.eventstore.lease import FileLease, HomeBusy, Lease, PostgresLease
from shared.eventstore.postgres import PostgresLogRecorder

BEYOND_A_LOCK = 2.5
"""Seconds: longer than the two that a single wait for a lock of PostgreSQL may last."""

Leases = Callable[[int], Lease]
"""Makes the lease of one more process, with its patience in seconds."""


@pytest.fixture(params=["file", "postgres"])
def lease(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Leases]:
    """Leases on one house."""
    with ExitStack() as stack:

        def of_postgres(patience: int) -> Lease:
            recorder = PostgresLogRecorder(request.getfixturevalue("database_url"), "house")
            stack.callback(recorder.close)
            return PostgresLease(recorder, "write", patience)

        by_file = request.param == "file"
        yield (lambda patience: FileLease(tmp_path / "lease", patience)) if by_file else of_postgres


def test_a_second_writer_without_patience_is_told_at_once(lease: Leases) -> None:
    with lease(1).held(), pytest.raises(HomeBusy, match="wait until it is done"), lease(0).held():
        pytest.fail("two writers at once")


def test_patience_ends(lease: Leases) -> None:
    with lease(1).held(), pytest.raises(HomeBusy), lease(1).held():
        pytest.fail("two writers at once")


@pytest.mark.parametrize("seconds", [0.1, BEYOND_A_LOCK])
def test_who_waits_writes_when_the_other_is_done(lease: Leases, seconds: float) -> None:
    order: list[str] = []
    second = lease(10)

    def wait() -> None:
        with second.held():
            order.append("second")

    with lease(10).held():
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(seconds)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_what_was_done_stands_though_the_database_ends_before_it_lets_go(
    database_url: str,
) -> None:
    recorder = PostgresLogRecorder(database_url, "house")
    other = psycopg.connect(database_url, autocommit=True)
    with other, PostgresLease(recorder, "write", 1).held(), recorder.connection() as held:
        other.execute("SELECT pg_terminate_backend(%s)", (held.info.backend_pid,))
    with PostgresLease(recorder, "write", 1).held(), recorder.connection() as again:
        assert again.info.backend_pid != held.info.backend_pid
    recorder.close()


def test_a_lease_that_is_given_in_the_moment_in_which_its_wait_ends_is_let_go_of(
    database_url: str,
) -> None:
    ours, theirs = (PostgresLogRecorder(database_url, "house") for _ in range(2))
    mine, other = PostgresLease(ours, "write", 0.005), PostgresLease(theirs, "write", 1)
    rounds, near_the_end = 300, (0.0098, 0.011)
    step = threading.Barrier(2, timeout=5)

    def hold() -> None:
        for number in range(rounds):
            with other.held():
                step.wait()
                first, last = near_the_end
                time.sleep(first + (last - first) * number / rounds)
            step.wait()
            step.wait()

    with ours.held() as connection, ThreadPoolExecutor(1) as holder:
        connection.execute("SET lock_timeout = '10ms'")
        holding = holder.submit(hold)
        for _ in range(rounds):
            step.wait()
            with suppress(HomeBusy), mine.held():
                pass
            step.wait()
            kept = connection.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
            assert kept.fetchall() == []
            step.wait()
        holding.result()
    ours.close()
    theirs.close()


def test_an_interrupt_in_the_moment_of_having_it_lets_it_go(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = (PostgresLogRecorder(database_url, "house") for _ in range(2))
    interrupted = PostgresLease(first, "write", 1)
    lock = interrupted._locked

    def had(*given: Any) -> bool:
        assert lock(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupted, "_locked", had)
    with pytest.raises(KeyboardInterrupt), interrupted.held():
        pytest.fail("it was interrupted")
    with PostgresLease(other, "write", 0).held():
        pass
    for recorder in (first, other):
        recorder.close()
