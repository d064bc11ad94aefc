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
MAXIMUM_NAME_BYTES = 2_600
"""Leaves room for the rest of a PostgreSQL index entry, which holds up to 2 704 bytes."""
WAITS_BEHIND = "waits-behind"


def parked_id(speaker: str, key: str) -> UUID:
    """The stream of what is parked for one speaker and key."""
    return stable_id("parked", speaker, key)


class ParkedFacts(Aggregate):
    """What is set aside for one speaker and key, in the order in which it was told."""

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
            """Speaker and key, or the stream if a stranger's key makes no tag."""
            name = f"{self.message.speaker}/{self.message.key}"
            is_word = "\0" not in name and len(name.encode()) <= MAXIMUM_NAME_BYTES
            return (f"{PARKED}{name if is_word else self.originator_id}",)

    class Released(Aggregate.Event):
        """Somebody took them all in again, or dropped them, and said why."""

        TOPIC = "parked.released"
        by: str
        why: str
        dropped: bool

    class Fixed(Aggregate.Event):
        """Somebody gave the first of them other content and said why, so that it could be taken in.

        `message` is as it was taken in; as it came, it stands where it was parked. `taken` are the
        positions that were taken in: its own, and those of what waited behind it.
        """

        TOPIC = "parked.fixed"
        by: str
        why: str
        message: Message
        taken: tuple[int, ...]

    class Refused(Aggregate.Event):
        """What had waited is now the first, and cannot be taken in itself."""

        TOPIC = "parked.refused"
        position: int
        reason: str
        sentence: str

    @event(Opened)
    def __init__(self, speaker: str, key: str) -> None:
        self.speaker = speaker
        self.key = key
        self.waiting: dict[tuple[int, int], tuple[Message, str, str]] = {}
        """By partition and position: strangers' messages under one key may share an offset."""

    @property
    def name(self) -> str:
        """Speaker and key, as people say it: `gateway/2045`."""
        return f"{self.speaker}/{self.key}"

    @staticmethod
    def create_id(speaker: str, key: str) -> UUID:
        """One stream per speaker and key."""
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
        """Let the first go with other content, and with it what was `taken` of those behind it."""
        self._fixed(by, why, message, taken)

    def refuse(self, position: int, poison: Poison) -> None:
        """Say why what waited cannot be taken in itself."""
        self._refused(position, poison.name, poison.sentence)

    @event(Parked)
    def _parked(self, message: Message, reason: str, sentence: str) -> None:
        self.waiting[message.partition, message.position] = (message, reason, sentence)

    @event(Released)
    def _released(self, by: str, why: str, dropped: bool) -> None:
        self.waiting = {}

    @event(Fixed)
    def _fixed(self, by: str, why: str, message: Message, taken: tuple[int, ...]) -> None:
        self.waiting = {at: each for at, each in self.waiting.items() if at[1] not in taken}

    @event(Refused)
    def _refused(self, position: int, reason: str, sentence: str) -> None:
        at = next(at for at in self.waiting if at[1] == position)
        self.waiting[at] = (self.waiting[at][0], reason, sentence)


def all_parked(work: Work) -> list[ParkedFacts]:
    """What is parked, by speaker and key, in order."""
    streams = [stream for _, stream in work.tagged(PARKED)]
    work.fetch(streams)
    found = (work.find(ParkedFacts, stream) for stream in streams)
    return sorted((facts for facts in found if facts and facts.waiting), key=lambda f: f.name)


def parked_keys(work: Work) -> dict[str, int]:
    """How many facts are parked, by `speaker/key`, in order."""
    return {facts.name: len(facts.waiting) for facts in all_parked(work)}


@dataclass(frozen=True)
class ParkedFact:
    """One fact that is set aside, as operations see it."""

    key: str
    position: int
    type: str
    reason: str
    sentence: str
    stream: UUID


def parked_facts(work: Work) -> list[ParkedFact]:
    """What is parked, by speaker and key, in the order in which it was told."""
    return [
        ParkedFact(facts.name, message.position, message.type, reason, sentence, facts.id)
        for facts in all_parked(work)
        for message, reason, sentence in facts.waiting.values()
    ]


class Done(NamedTuple):
    """What somebody did about the parked facts of a key, and at which positions."""

    at: datetime
    what: str
    by: str
    why: str
    positions: tuple[int, ...]


def done_about(log: EventLog, stream: UUID) -> Iterator[Done]:
    """What was done about one speaker and key so far, in order."""
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
