"""Poison: facts that a house cannot take, set aside with their reason and their stream.

Later facts of the same key wait behind a parked one, so that their order holds. Nothing is
logged and skipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.eventstore.log import EventLog
from shared.eventstore.recorder import MAXIMUM
from shared.eventstore.work import Work
from shared.facts.envelope import Message, Poison
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.ids import stable_id

PARKED = "parked/"
WAITS_BEHIND = "waits-behind"


def parked_id(speaker: str, key: str) -> UUID:
    """The stream of what is parked of one speaker and key."""
    return stable_id("parked", speaker, key)


class ParkedFacts(Aggregate):
    """What is set aside of one speaker and key, in the order in which it was told."""

    TOPIC = "parked"

    class Opened(Created):
        """Something of this key had to be set aside for the first time."""

        TOPIC = "parked.opened"
        speaker: str
        key: str

    class Parked(Aggregate.Event):
        """A message was set aside as it came, with the refusal's name and sentence."""

        TOPIC = "parked.parked"
        message: Message
        reason: str
        sentence: str

        def tags(self) -> tuple[str, ...]:
            """Found by speaker and key."""
            return (f"{PARKED}{self.message.speaker}/{self.message.key}",)

    class Released(Aggregate.Event):
        """Somebody took all of them in again, or dropped them, and said why."""

        TOPIC = "parked.released"
        by: str
        why: str
        dropped: bool

    class Fixed(Aggregate.Event):
        """Somebody gave the first of them another content and said why; so it could be taken in.

        `message` is as it was taken in; as it came, it stands where it was parked. `taken` are the
        positions that were taken in: its own, and those of what waited behind it.
        """

        TOPIC = "parked.fixed"
        by: str
        why: str
        message: Message
        taken: tuple[int, ...]

    class Refused(Aggregate.Event):
        """What had waited is the first now, and cannot be taken in itself."""

        TOPIC = "parked.refused"
        position: int
        reason: str
        sentence: str

    @event(Opened)
    def __init__(self, speaker: str, key: str) -> None:
        self.speaker = speaker
        self.key = key
        self.waiting: dict[int, tuple[Message, str, str]] = {}

    @staticmethod
    def create_id(speaker: str, key: str) -> UUID:
        """One stream a speaker and key."""
        return parked_id(speaker, key)

    def park(self, message: Message, poison: Poison | None) -> None:
        """Set a message aside: refused itself, or waiting behind one that was."""
        reason = poison.name if poison else WAITS_BEHIND
        sentence = poison.sentence if poison else "An earlier fact of its key is parked."
        self._parked(message, reason, sentence)

    def release(self, *, by: str, why: str, dropped: bool) -> None:
        """Let all of them go, to be taken in again or dropped."""
        self._released(by, why, dropped)

    def fix(self, message: Message, taken: tuple[int, ...], *, by: str, why: str) -> None:
        """Let the first go with another content, and so many that waited behind it."""
        self._fixed(by, why, message, taken)

    def refuse(self, position: int, poison: Poison) -> None:
        """Say why what waited cannot be taken in itself."""
        self._refused(position, poison.name, poison.sentence)

    @event(Parked)
    def _parked(self, message: Message, reason: str, sentence: str) -> None:
        self.waiting[message.position] = (message, reason, sentence)

    @event(Released)
    def _released(self, by: str, why: str, dropped: bool) -> None:
        self.waiting = {}

    @event(Fixed)
    def _fixed(self, by: str, why: str, message: Message, taken: tuple[int, ...]) -> None:
        self.waiting = {at: each for at, each in self.waiting.items() if at not in taken}

    @event(Refused)
    def _refused(self, position: int, reason: str, sentence: str) -> None:
        self.waiting[position] = (self.waiting[position][0], reason, sentence)


def parked_keys(work: Work) -> dict[str, int]:
    """How many facts are parked, by `speaker/key`, in order."""
    found: dict[str, int] = {}
    for tag, stream in work.tagged(PARKED):
        facts = work.find(ParkedFacts, stream)
        if facts and facts.waiting:
            found[tag.removeprefix(PARKED)] = len(facts.waiting)
    return found


@dataclass(frozen=True)
class ParkedFact:
    """One fact that is set aside, as operations look at it."""

    key: str
    position: int
    type: str
    reason: str
    sentence: str


def parked_facts(work: Work) -> list[ParkedFact]:
    """What is parked, by speaker and key, in the order in which it was told."""
    found = []
    for name in parked_keys(work):
        speaker, _, key = name.partition("/")
        facts = work.find(ParkedFacts, parked_id(speaker, key))
        for position, (message, reason, sentence) in (facts.waiting if facts else {}).items():
            found.append(ParkedFact(name, position, message.type, reason, sentence))
    return found


class Done(NamedTuple):
    """What somebody did about what was parked of a key, and to which positions."""

    at: datetime
    what: str
    by: str
    why: str
    positions: tuple[int, ...]


def done_about(log: EventLog, stream: UUID) -> Iterator[Done]:
    """What was done about one speaker and key by now, in order."""
    waiting: list[int] = []
    for row in log.recorder.stream(stream, 0, MAXIMUM):
        happened = log.mapper.event(stream, *row)
        at = happened.timestamp
        if isinstance(happened, ParkedFacts.Parked):
            waiting.append(happened.message.position)
        elif isinstance(happened, ParkedFacts.Released):
            what = "dropped" if happened.dropped else "taken in"
            yield Done(at, what, happened.by, happened.why, tuple(waiting))
            waiting = []
        elif isinstance(happened, ParkedFacts.Fixed):
            yield Done(at, "fixed", happened.by, happened.why, happened.taken)
            waiting = [position for position in waiting if position not in happened.taken]
