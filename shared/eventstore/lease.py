"""The lease on a home: one writer at a time, whatever process it lives in.

An advisory lock of the operating system on one file: it ends with the process that holds it, so
a crash leaves nothing to clean up.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.kernel.errors import Refusal


class HomeBusy(Refusal):
    """Another process is writing to the same home and did not finish in time."""

    name = "home-busy"


class Lease:
    """The right to write to a home. `patience` is how many seconds to wait for it."""

    POLL_SECONDS = 0.01

    def __init__(self, file: Path, patience: int = 10) -> None:
        self._file = file
        self._patience = patience

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lease and hold it; raises HomeBusy when the patience ends."""
        with self._file.open("a") as handle:
            self._acquire(handle)
            yield

    def _acquire(self, handle: IO[str]) -> None:
        give_up = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise HomeBusy(
                        f"Another process has been writing to {self._file.parent} for "
                        f"{self._patience} s: wait until it is done, or stop it."
                    ) from None
                time.sleep(self.POLL_SECONDS)
            else:
                return
