"""A line of threads in front of one door: who is first does the work of all who wait.

For work that costs as much for many as for one, as a commit does. Nobody waits for more to come: a
line grows only while somebody is at work.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar


class Turn:
    """What one thread wants done: `succeed` or `fail` is called once, by whoever does it."""

    def __init__(self) -> None:
        self.is_done = False
        self._error: BaseException | None = None
        self._woken = threading.Event()

    def succeed(self) -> None:
        """It is done, for good."""
        self.is_done = True

    def fail(self, error: BaseException) -> None:
        """It could not be done; who wanted it hears why."""
        self._error, self.is_done = error, True

    def wake(self) -> None:
        """Let its thread go on: it is done, or next to do the work of all."""
        self._woken.set()

    def wait(self) -> None:
        """Sleep until somebody wakes this thread."""
        self._woken.wait()

    def heed(self) -> None:
        """Raise what it failed with, if it did."""
        if self._error is not None:
            raise self._error


T = TypeVar("T", bound=Turn)


class Line(Generic[T]):
    """Threads that stand in line: `door` is passed once for all who wait, and `work` does theirs.

    What `door` or `work` raises, all of them hear whose turn is not done by then.
    """

    def __init__(
        self, door: Callable[[], AbstractContextManager[None]], work: Callable[[Sequence[T]], None]
    ) -> None:
        self._door = door
        self._work = work
        self._mutex = threading.Lock()
        self._waiting: list[T] = []
        self._is_led = False

    def take(self, turn: T) -> None:
        """Have a turn done, with those of others; raises what it failed with."""
        if self._follows(turn):
            turn.wait()
        if not turn.is_done:
            self._lead()
        turn.heed()

    def _follows(self, turn: T) -> bool:
        """Stand in line; whether somebody is at work already."""
        with self._mutex:
            self._waiting.append(turn)
            follows, self._is_led = self._is_led, True
            return follows

    def _lead(self) -> None:
        turns: Sequence[T] = ()
        try:
            with self._door():
                turns = self._taken()
                self._work(turns)
        except BaseException as error:
            turns = turns or self._taken()
            for turn in turns:
                if not turn.is_done:
                    turn.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for turn in (*turns, *self._next()):
                turn.wake()

    def _taken(self) -> Sequence[T]:
        with self._mutex:
            taken, self._waiting = self._waiting, []
            return taken

    def _next(self) -> Sequence[T]:
        """Who is to lead next, if anybody waits."""
        with self._mutex:
            self._is_led = bool(self._waiting)
            return self._waiting[:1]
