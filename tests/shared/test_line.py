"""A line of threads: one does the work of all that wait, and each learns the outcome of its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from shared.eventstore.lease import Lease
from shared.messaging.line import Line, Turn
from tests.support.processes import wait_until

MANY = 8
Work = Callable[["Numbered"], None]


class Numbered(Turn):
    """A turn that can be told from others."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Door(Lease):
    """A lease that a test withholds or breaks."""

    def __init__(self, patience: float) -> None:
        super().__init__("a test", patience)
        self.lock = threading.Lock()
        self.broken: BaseException | None = None
        """What is raised on the next thread that acquires it."""
        self.waited: list[float] = []
        """How long each thread that came to it had waited."""

    @contextmanager
    def held(self, waited: float = 0) -> Iterator[None]:
        """Wait for the lock."""
        self.waited.append(waited)
        if not self.lock.acquire(timeout=max(0, self.patience - waited)):
            raise self.busy()
        try:
            broken, self.broken = self.broken, None
            if broken:
                raise broken
            yield
        finally:
            self.lock.release()


class Place:
    """A line in front of a door, the work done for each turn, and the portions worked off."""

    def __init__(self, *, patience: float = 10, work: Work = Turn.succeed) -> None:
        self.door = Door(patience)
        self.line: Line[Numbered] = Line(self.door, self._worked)
        self.portions: list[list[int]] = []
        self._each = work

    def _worked(self, turns: Sequence[Numbered]) -> None:
        self.portions.append([turn.number for turn in turns])
        for turn in turns:
            self._each(turn)

    def taken(self, threads: ThreadPoolExecutor, count: int = MANY) -> list[Future[None]]:
        """Turns taken while the door was shut, in order."""
        taken: list[Future[None]] = []
        with self.door.lock:
            for number in range(count):
                taken.append(threads.submit(self.line.take, Numbered(number)))
                wait_until(lambda: len(self.line._waiting) == len(taken))
        return taken

    def is_free(self) -> bool:
        """Whether a new turn is served at once."""
        self.line.take(Numbered(99))
        return self.portions[-1] == [99]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def ends(taken: Sequence[Future[None]]) -> list[str | None]:
    """The error that each met; None if its turn was done."""
    errors = [turn.exception(timeout=10) for turn in taken]
    return [str(error) if error else None for error in errors]


def test_who_waits_meanwhile_is_served_at_once_in_the_order_of_the_line(
    threads: ThreadPoolExecutor,
) -> None:
    place = Place()
    assert ends(place.taken(threads)) == [None] * MANY
    assert place.portions == [list(range(MANY))]
    assert place.is_free()


def test_each_hears_his_own_refusal(threads: ThreadPoolExecutor) -> None:
    def refused(turn: Numbered) -> None:
        if turn.number in (0, 3):
            turn.fail(ValueError(f"refused {turn.number}"))
        else:
            turn.succeed()

    place = Place(work=refused)
    assert ends(place.taken(threads)) == ["refused 0", None, None, "refused 3", *[None] * 4]


def broken(error: BaseException) -> Work:
    """Work that breaks at the third turn."""

    def work(turn: Numbered) -> None:
        if turn.number == 2:
            raise error
        turn.succeed()

    return work


def test_who_was_done_when_the_work_broke_hears_nothing_of_it(threads: ThreadPoolExecutor) -> None:
    place = Place(work=broken(OSError("broken")))
    assert ends(place.taken(threads)) == [None, None, *["broken"] * 6]
    assert place.is_free()


def test_what_is_left_undone_comes_next_with_a_new_leader(threads: ThreadPoolExecutor) -> None:
    def one_at_a_time(turn: Numbered) -> None:
        if turn.number == place.portions[-1][0]:
            turn.succeed()

    place = Place(work=one_at_a_time)
    assert ends(place.taken(threads, 4)) == [None] * 4
    assert place.portions == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]


def test_a_leader_who_is_interrupted_when_his_own_turn_is_done_hears_it(
    threads: ThreadPoolExecutor,
) -> None:
    place = Place(work=broken(KeyboardInterrupt("at work")))
    assert ends(place.taken(threads, 4)) == ["at work", None, "at work", "at work"]
    assert place.is_free()


def test_a_door_that_is_broken_is_so_for_all_who_wait(threads: ThreadPoolExecutor) -> None:
    place = Place()
    place.door.broken = OSError("away")
    assert ends(place.taken(threads)) == ["away"] * MANY
    assert place.portions == []
    assert place.is_free()


def test_who_is_interrupted_at_the_door_is_so_alone(threads: ThreadPoolExecutor) -> None:
    place = Place()

    with place.door.lock:
        taken = [threads.submit(place.line.take, Numbered(0))]
        wait_until(lambda: len(place.line._waiting) == 1)
        taken.append(threads.submit(place.line.take, Numbered(1)))
        wait_until(lambda: len(place.line._waiting) == 2)
        place.door.broken = KeyboardInterrupt("at the door")
    assert ends(taken) == ["at the door", None]


def test_everybody_has_his_own_patience(threads: ThreadPoolExecutor) -> None:
    place = Place(patience=2)
    with place.door.lock:
        early = threads.submit(place.line.take, Numbered(0))
        time.sleep(1)
        late = threads.submit(place.line.take, Numbered(1))
        assert early.exception(timeout=10) is not None
        assert not late.done()
    assert ends([late]) == [None]
    assert place.portions == [[1]]
    assert [round(waited) for waited in place.door.waited] == [0, 1]


def test_who_waits_for_one_who_hangs_is_told_when_his_patience_ends(
    threads: ThreadPoolExecutor,
) -> None:
    hang = threading.Event()

    def hanging(turn: Numbered) -> None:
        hang.wait()
        turn.succeed()

    place = Place(patience=1, work=hanging)
    [leader] = place.taken(threads, 1)
    wait_until(lambda: bool(place.portions))
    follower = threads.submit(place.line.take, Numbered(1))
    assert "wait until it is done" in str(ends([follower]))
    hang.set()
    assert ends([leader]) == [None]
    assert place.is_free()


class Interrupted(Numbered):
    """A turn whose thread is interrupted as soon as it is woken, or after some seconds."""

    def __init__(self, number: int, after: float) -> None:
        super().__init__(number)
        self._after = after

    def is_woken(self, within: float) -> bool:
        """Woken by an interrupt."""
        super().is_woken(self._after)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [0, 10])
def test_who_is_interrupted_in_line_holds_up_nobody_behind_him(
    threads: ThreadPoolExecutor, after: float
) -> None:
    place = Place(patience=1)
    with place.door.lock:
        taken = [threads.submit(place.line.take, Numbered(0))]
        wait_until(lambda: len(place.line._waiting) == 1)
        taken.append(threads.submit(place.line.take, Interrupted(1, after)))
        assert isinstance(taken[1].exception(timeout=10), KeyboardInterrupt)
        taken.append(threads.submit(place.line.take, Numbered(2)))
        assert all("wait until it is done" in str(told) for told in ends(taken[::2]))
    assert place.is_free()


def test_who_is_interrupted_while_his_turn_is_taken_does_not_come_back_to_the_line(
    threads: ThreadPoolExecutor,
) -> None:
    go_on = threading.Event()

    def first_only(turn: Numbered) -> None:
        if turn.number == place.portions[-1][0]:
            go_on.wait(0 if turn.number else 10)
            turn.succeed()

    place = Place(work=first_only)
    with place.door.lock:
        leader = threads.submit(place.line.take, Numbered(0))
        wait_until(lambda: len(place.line._waiting) == 1)
        gone = threads.submit(place.line.take, Interrupted(1, after=1))
        wait_until(lambda: len(place.line._waiting) == 2)
    assert isinstance(gone.exception(timeout=10), KeyboardInterrupt)
    assert place.portions == [[0, 1]]
    go_on.set()
    assert ends([leader]) == [None]
    assert threads.submit(place.is_free).result(timeout=10)


def test_under_load_every_turn_is_done_once(threads: ThreadPoolExecutor) -> None:
    place = Place()
    taken = [threads.submit(place.line.take, Numbered(number)) for number in range(2_000)]
    assert ends(taken) == [None] * 2_000
    done = [number for portion in place.portions for number in portion]
    assert sorted(done) == list(range(2_000))
    assert place.is_free()
