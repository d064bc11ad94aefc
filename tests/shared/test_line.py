"""A line of threads: one does the work of all who wait, and each hears what became of his."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from shared.messaging.line import Line, Turn
from tests.support.processes import wait_until

MANY = 8


class Numbered(Turn):
    """A turn that is told from others."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Place:
    """A line in front of a door that a test keeps shut, and the portions that were worked off."""

    def __init__(self, refused: Sequence[int] = (), broken: Sequence[int] = ()) -> None:
        self.door = threading.Lock()
        self.line: Line[Numbered] = Line(self._through, self._work)
        self.portions: list[list[int]] = []
        self._refused = refused
        self._broken = broken
        self.passing: BaseException | None = None

    @contextmanager
    def _through(self) -> Iterator[None]:
        with self.door:
            if self.passing:
                raise self.passing
            yield

    def _work(self, turns: Sequence[Numbered]) -> None:
        self.portions.append([turn.number for turn in turns])
        for turn in turns:
            if turn.number in self._broken:
                raise OSError(f"broken at {turn.number}")
            if turn.number in self._refused:
                turn.fail(ValueError(f"refused {turn.number}"))
            else:
                turn.succeed()

    def taken(self, threads: ThreadPoolExecutor) -> list[Future[None]]:
        """Turns that were taken while the door was shut, in their order."""
        taken = []
        with self.door:
            for number in range(MANY):
                taken.append(threads.submit(self.line.take, Numbered(number)))
                wait_until(lambda: len(self.line._waiting) == len(taken))
        return taken


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def ends(taken: Sequence[Future[None]]) -> list[str | None]:
    """What each heard: None if his turn was done."""
    errors = [turn.exception(timeout=10) for turn in taken]
    return [str(error) if error else None for error in errors]


def test_who_waits_meanwhile_is_served_at_once_in_the_order_of_the_line(
    threads: ThreadPoolExecutor,
) -> None:
    place = Place()
    assert ends(place.taken(threads)) == [None] * MANY
    assert place.portions == [list(range(MANY))]


def test_each_hears_his_own_refusal(threads: ThreadPoolExecutor) -> None:
    told = ends(Place(refused=(0, 3)).taken(threads))
    assert told == ["refused 0", None, None, "refused 3", *[None] * 4]


def test_who_was_done_when_the_work_broke_hears_nothing_of_it(threads: ThreadPoolExecutor) -> None:
    place = Place(broken=(2,))
    assert ends(place.taken(threads)) == [None, None, *["broken at 2"] * 6]
    place.line.take(Numbered(9))
    assert place.portions[-1] == [9]


def test_a_door_that_does_not_open_is_shut_for_all_who_wait(threads: ThreadPoolExecutor) -> None:
    place = Place()
    place.passing = TimeoutError("shut")
    assert ends(place.taken(threads)) == ["shut"] * MANY
    place.passing = None
    place.line.take(Numbered(9))
    assert place.portions == [[9]]


def test_an_interrupted_leader_leaves_the_line_to_others(threads: ThreadPoolExecutor) -> None:
    place = Place()
    place.passing = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        place.line.take(Numbered(0))
    place.passing = None
    assert ends(place.taken(threads)) == [None] * MANY


def test_under_load_every_turn_is_done_once(threads: ThreadPoolExecutor) -> None:
    place = Place()
    taken = [threads.submit(place.line.take, Numbered(number)) for number in range(2_000)]
    assert ends(taken) == [None] * 2_000
    done = [number for portion in place.portions for number in portion]
    assert sorted(done) == list(range(2_000))
