"""Leases: the right to write, for one process at a time.

A lease ends with the process or the connection that holds it: a crash leaves nothing to clean up,
and a machine that vanishes loses its leases after half a minute. A holder that lost its lease
cannot write, because it writes on that very connection.
"""

import fcntl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import psycopg

from shared.eventstore.postgres import Connection, PostgresLogRecorder
from shared.kernel.errors import Refusal

PATIENCE, POLL_SECONDS = 10, 0.01


class HomeBusy(Refusal):
    """Somebody else is writing and did not finish in time."""

    name = "home-busy"


class Lease(ABC):
    """The right to write to something, waited for up to `patience` seconds."""

    def __init__(self, what: str, patience: float) -> None:
        self._what = what
        self.patience = patience

    @abstractmethod
    def held(self, waited: float = 0) -> AbstractContextManager[None]:
        """Wait for the lease and hold it; raises HomeBusy when patience runs out.

        The seconds already `waited` are deducted from patience.
        """

    def busy(self) -> HomeBusy:
        """What is raised when patience runs out."""
        waited = f"has been writing to {self._what} for {self.patience} s"
        is_at_work = waited if self.patience else f"is working on {self._what}"
        return HomeBusy(f"Another process {is_at_work}: wait until it is done, or stop it.")

    def _await(self, lock: Callable[[], bool], until: float) -> None:
        """Try a lock until it is acquired; raises HomeBusy when patience runs out."""
        while not lock():
            if time.monotonic() >= until:
                raise self.busy()
            time.sleep(POLL_SECONDS)


class NoLease(Lease):
    """The lease on a log in the memory of one process, which nobody else can write to."""

    def __init__(self) -> None:
        super().__init__("memory", PATIENCE)

    @contextmanager
    def held(self, waited: float = 0) -> Iterator[None]:
        """Nothing to wait for."""
        yield


class FileLease(Lease):
    """The lease on a home's folder: an advisory lock of the operating system on one file."""

    def __init__(self, file: Path, patience: float = PATIENCE) -> None:
        super().__init__(str(file.parent), patience)
        self._file = file

    @contextmanager
    def held(self, waited: float = 0) -> Iterator[None]:
        """Wait for the lease and hold it; raises HomeBusy when patience runs out."""
        until = time.monotonic() + self.patience - waited
        with self._file.open("a") as handle:
            self._await(lambda: _locked(handle), until)
            yield


TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
LOCK = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
IS_GRANTED = """
SELECT FROM pg_locks, hashtextextended(%s, 0) AS key
WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1 AND granted
AND classid::bigint << 32 | objid::bigint = key
"""
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class PostgresLease(Lease):
    """A lease on a house's schema: an advisory lock of the session that its holder writes on.

    `purpose` tells leases on one house apart: writing, or being its worker.
    """

    def __init__(
        self, recorder: PostgresLogRecorder, purpose: str, patience: float = PATIENCE
    ) -> None:
        super().__init__(recorder.schema, patience)
        self._recorder = recorder
        self._words = f"cagette {purpose} {recorder.schema}"
        self._queue = threading.Lock()

    @contextmanager
    def held(self, waited: float = 0) -> Iterator[None]:
        """Wait for the lease and hold it; raises HomeBusy when patience runs out."""
        until = time.monotonic() + self.patience - waited
        with self._turn(until), self._recorder.held() as connection:
            try:
                self._await(lambda: self._locked(connection, until), until)
                yield
            finally:
                self._unlock(connection)

    def _locked(self, connection: Connection, until: float) -> bool:
        """Take the lock if it is free, or queue for it until the lock timeout.

        PostgreSQL wakes a queued session when its turn comes.
        """
        row = connection.execute(TRY_LOCK, (self._words,)).fetchone()
        is_locked = bool(row and row[0])
        if is_locked or time.monotonic() >= until:
            return is_locked
        try:
            connection.execute(LOCK, (self._words,))
        except psycopg.errors.LockNotAvailable:
            return self._has(connection)
        return True

    def _has(self, connection: Connection) -> bool:
        """Whether the session has the lock: if granted just as the wait ends, it stays granted.

        Unnoticed, it would never be released, and all others would wait for ever.
        """
        return connection.execute(IS_GRANTED, (self._words,)).fetchone() is not None

    def _unlock(self, connection: Connection) -> None:
        """Release the lock. If that fails, what was done stands: closing the session frees it."""
        try:
            connection.execute(UNLOCK, (self._words,))
        except psycopg.Error:
            connection.close()

    @contextmanager
    def _turn(self, until: float) -> Iterator[None]:
        """Queue the threads of one process, so that one connection waits for all of them."""
        if not self._queue.acquire(timeout=max(0, until - time.monotonic())):
            raise self.busy()
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
