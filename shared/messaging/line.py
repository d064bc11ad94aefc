"""A line of threads in front of a lease: whoever has it does the work of all that wait.

For work that costs as much for many as for one, as a commit does. Nobody waits for more to come: a
line grows only while somebody is at work.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from shared.eventstore.lease import HomeBusy, Lease


class Turn:
    """What one thread wants done. Whoever does it says how it ended, and wakes the thread."""

    def __init__(self) -> None:
        self.is_done = False
        self._error: BaseException | None = None
        self._began = time.monotonic()
        self._woken = threading.Event()

    def succeed(self) -> None:
        """Mark it as done, for good."""
        self.is_done = True

    def fail(self, error: BaseException) -> None:
        """Mark it as failed; its thread raises the error."""
        self._error, self.is_done = error, True

    def raise_error(self) -> None:
        """Raise what it failed with, if it did."""
        if self._error is not None:
            raise self._error

    @property
    def waited(self) -> float:
        """How many seconds ago it began."""
        return time.monotonic() - self._began

    def wake(self) -> None:
        """Let its thread go on: it is done, or is to lead."""
        self._woken.set()

    def is_woken(self, within: float) -> bool:
        """Sleep until woken, at most `within` seconds; return whether this thread was woken."""
        return self._woken.wait(within)


RECHECK_SECONDS = 0.1
"""Seconds between checks by a thread whose patience is over while its turn is being done."""

T = TypeVar("T", bound=Turn)


class Line(Generic[T]):
    """Threads that wait for a lease. The first leads: it acquires it and lets `work` do all turns.

    What `work` leaves undone, never the first, comes back to the front of the line, with a new
    leader. Each waits as long as the lease has patience, and then while it is being done.
    """

    def __init__(self, lease: Lease, work: Callable[[Sequence[T]], None]) -> None:
        self._lease = lease
        self._work = work
        self._mutex = threading.Lock()
        self._waiting: list[T] = []
        self._leader: T | None = None

    def take(self, turn: T) -> None:
        """Have a turn done, along with those of others; raises what it failed with, or HomeBusy."""
        if not self._leads(turn):
            self._wait(turn)
        if not turn.is_done:
            self._lead(turn)
        turn.raise_error()

    def _leads(self, turn: T) -> bool:
        """Join the line; return whether this turn leads, because nobody else is at work."""
        with self._mutex:
            self._waiting.append(turn)
            self._leader = self._leader or turn
            return self._leader is turn

    def _wait(self, turn: T) -> None:
        """Wait until it is done, or is to lead."""
        patience = self._lease.patience
        try:
            while not turn.is_woken(patience):
                if self._leave(turn):
                    turn.fail(self._lease.busy())
                    return
                patience = RECHECK_SECONDS
        except BaseException as interrupt:
            self._leave(turn)
            turn.fail(interrupt)  # whoever has taken it does not put it back in line
            raise

    def _lead(self, turn: T) -> None:
        turns: Sequence[T] = ()
        try:
            with self._lease.held(turn.waited):
                turns = self._taken()
                self._work(turns)
        except BaseException as error:
            turns = turns or self._shut_out(turn, error)
            for each in turns:
                if not each.is_done:
                    each.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._let_go_on(turns)

    def _let_go_on(self, turns: Sequence[T]) -> None:
        """Wake those whose turn is done; the others come next."""
        with self._mutex:
            self._waiting[:0] = [turn for turn in turns if not turn.is_done]
            self._appoint()
        for turn in turns:
            if turn.is_done:
                turn.wake()

    def _shut_out(self, leader: T, error: BaseException) -> Sequence[T]:
        """The turns that fail with the lease: all, or only that of a late or interrupted leader."""
        if isinstance(error, Exception) and not isinstance(error, HomeBusy):
            return self._taken()
        with self._mutex:
            self._waiting.remove(leader)
        return (leader,)

    def _taken(self) -> Sequence[T]:
        with self._mutex:
            taken, self._waiting = self._waiting, []
            return taken

    def _leave(self, turn: T) -> bool:
        """Leave the line, and let another lead; False if somebody is doing it already."""
        with self._mutex:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            if self._leader is turn:
                self._appoint()
            return True

    def _appoint(self) -> None:
        """Let the next one lead, if anybody waits."""
        self._leader = self._waiting[0] if self._waiting else None
        if self._leader:
            self._leader.wake()
