"""Leases: the right to write, for one process at a time.

A lease ends with the process or the connection that holds it, so a crash leaves nothing to clean
up; and who lost it cannot write, for he writes on that very connection.
"""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

import psycopg

from shared.eventstore.postgres import Connection, PostgresLogRecorder
from shared.kernel.errors import Refusal

POLL_SECONDS = 0.01


class HomeBusy(Refusal):
    """Somebody else is writing and did not finish in time."""

    name = "home-busy"


class Lease(Protocol):
    """The right to write, waited for with patience."""

    def held(self) -> AbstractContextManager[None]:
        """Wait for the lease and hold it; raises HomeBusy when the patience ends."""


class NoLease:
    """Of a log that nobody else can write to, for it is in the memory of one process."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing to wait for."""
        yield


class FileLease:
    """On a home's folder: an advisory lock of the operating system on one file.

    `patience` is how many seconds to wait for it.
    """

    def __init__(self, file: Path, patience: int = 10) -> None:
        self._file = file
        self._patience = patience

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lease and hold it; raises HomeBusy when the patience ends."""
        patience = _Patience(self._patience, str(self._file.parent))
        with self._file.open("a") as handle:
            patience.wait(lambda: _locked(handle))
            yield


TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
LOCK = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class PostgresLease:
    """On a house's schema: an advisory lock of the session on which the holder also writes.

    `purpose` tells leases on one house apart: writing, or being its worker.
    """

    def __init__(self, recorder: PostgresLogRecorder, purpose: str, patience: int = 10) -> None:
        self._recorder = recorder
        self._words = f"cagette {purpose} {recorder.schema}"
        self._patience = patience
        self._queue = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lease and hold it; raises HomeBusy when the patience ends."""
        patience = _Patience(self._patience, self._recorder.schema)
        with self._turn(patience), self._recorder.held() as connection:
            patience.wait(lambda: self._locked(connection))
            try:
                yield
            finally:
                self._unlock(connection)

    def _locked(self, connection: Connection) -> bool:
        """Lock it if it is free, or stand in line for as long as a lock may be waited for.

        Who stands in line is woken up when his turn comes.
        """
        row = connection.execute(TRY_LOCK, (self._words,)).fetchone()
        is_locked = bool(row and row[0])
        if is_locked or not self._patience:
            return is_locked
        try:
            connection.execute(LOCK, (self._words,))
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _unlock(self, connection: Connection) -> None:
        """Let go. Where that fails, what was done stands: the end of the session lets go too."""
        try:
            connection.execute(UNLOCK, (self._words,))
        except psycopg.Error:
            connection.close()

    @contextmanager
    def _turn(self, patience: "_Patience") -> Iterator[None]:
        """Threads of one process queue here, so that one connection waits for all of them."""
        if not self._queue.acquire(timeout=self._patience):
            raise patience.ended
        try:
            yield
        finally:
            self._queue.release()


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Patience:
    """Some seconds, which begin now, to wait until somebody is done with something."""

    def __init__(self, seconds: int, what: str) -> None:
        self._ends = time.monotonic() + seconds
        self.ended = HomeBusy(
            f"Somebody else has been writing to {what} for {seconds} s: "
            "wait until it is done, or stop it."
        )

    def wait(self, lock: Callable[[], bool]) -> None:
        """Try a lock until it is had; raises HomeBusy when the patience ends."""
        while not lock():
            if time.monotonic() >= self._ends:
                raise self.ended
            time.sleep(POLL_SECONDS)
