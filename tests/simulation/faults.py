"""What goes wrong in a run, how often, and where: all of it drawn from one seed."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import eventsourcing.domain
from eventsourcing.persistence import OperationalError

BEGINNING = datetime(2025, 1, 6, 9, tzinfo=UTC)
MOMENTS = ("before the commit", "after the commit")


class Crashed(BaseException):
    """A process died. Only the code that restarts it catches this."""


@dataclass(frozen=True)
class Rates:
    """How often each thing goes wrong, per thousand times that it could."""

    crash: int = 0
    """A process dies, before or after a commit."""
    storage: int = 0
    """A commit fails; or it succeeds, but its answer is lost. The process lives on."""
    broker_away: int = 0
    answer_lost: int = 0
    """Part of a send is written, another part later, and none is acknowledged."""
    lease_lost: int = 0
    """A worker that believes it is alone is not."""
    clock_jump: int = 0
    meanwhile: int = 0
    """Others work while a process is about to commit, or has just read."""
    retold: int = 0
    """A notice is told a second time though it was answered."""

    @classmethod
    def drawn(cls, chance: Random) -> "Rates":
        """Some kinds of faults often, some never: what one kind hides, other seeds show."""
        often = {name: chance.choice((0, 0, 5, 20, 60)) for name in cls.__dataclass_fields__}
        return cls(**{**often, "meanwhile": chance.choice((0, 50, 200))})


@dataclass
class Fate:
    """Draws what happens, tells the time, and writes down what it drew.

    Once it is `merciful` nothing goes wrong any more.
    """

    chance: Random
    rates: Rates
    time: datetime = BEGINNING
    merciful: bool = False
    said: list[str] = field(default_factory=list)
    changes: int = 0
    """How often anything was stored or sent; until it rises, an idle worker has nothing to do."""
    others: Callable[[], None] = lambda: None
    """Lets somebody else work meanwhile."""

    def strikes(self, rate: int) -> bool:
        """Whether something happens that does so this many times in a thousand."""
        return not self.merciful and self.chance.randrange(1_000) < rate

    def say(self, sentence: str) -> None:
        """Write down what happened, with the virtual time."""
        self.said.append(f"{self.time:%m-%d %H:%M:%S} {sentence}")

    def pass_time(self) -> None:
        """Let some seconds pass; a clock that is set may be set back."""
        self.time += timedelta(seconds=self.chance.randrange(5))
        if self.strikes(self.rates.clock_jump):
            jump = timedelta(minutes=self.chance.randint(-90, 90))
            self.time += jump
            self.say(f"the clock jumps by {jump}")

    def commit(self, what: str, moment: str) -> None:
        """A moment of a commit: another may work, and this one may die or fail to write."""
        self.changes += 1
        if moment == MOMENTS[0] and self.strikes(self.rates.meanwhile):
            self.others()
        if self.strikes(self.rates.crash):
            self.say(f"dies {moment} of {what}")
            raise Crashed
        if self.strikes(self.rates.storage):
            self.say(f"storage fails {moment} of {what}")
            raise OperationalError("the connection broke")

    def read(self) -> None:
        """Something was read that a decision will rest on: another may work meanwhile."""
        if self.strikes(self.rates.meanwhile // 4):
            self.others()

    def seconds(self) -> float:
        """The virtual time, in seconds."""
        return self.time.timestamp()

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Put this fate's time and chance in the place of the machine's."""
        kept = eventsourcing.domain.datetime_now_with_tzinfo, os.urandom, random._urandom  # type: ignore[attr-defined]
        eventsourcing.domain.datetime_now_with_tzinfo = lambda: self.time
        secret = Random(self.chance.random()).randbytes
        os.urandom = random._urandom = secret  # type: ignore[attr-defined]
        try:
            yield
        finally:
            eventsourcing.domain.datetime_now_with_tzinfo = kept[0]
            os.urandom, random._urandom = kept[1:]  # type: ignore[attr-defined]
