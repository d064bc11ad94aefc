"""Poison: facts that a house cannot take, set aside with their reason and their stream.

Later facts of the same key wait behind a parked one, so that their order holds. Nothing is
logged and skipped.
"""

from uuid import UUID

from shared.eventstore.log import Work
from shared.facts.envelope import Message
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.errors import Refusal
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
        """A fact was set aside: the refusal's name and sentence, and the message as it came."""

        TOPIC = "parked.parked"
        speaker: str
        key: str
        stream: str
        position: int
        type: str
        reason: str
        sentence: str
        value: bytes

        def tags(self) -> tuple[str, ...]:
            """Found by speaker and key."""
            return (f"{PARKED}{self.speaker}/{self.key}",)

    @event(Opened)
    def __init__(self, speaker: str, key: str) -> None:
        self.speaker = speaker
        self.key = key
        self.waiting: list[int] = []

    @staticmethod
    def create_id(speaker: str, key: str) -> UUID:
        """One stream a speaker and key."""
        return parked_id(speaker, key)

    def park(self, message: Message, refusal: Refusal | None) -> None:
        """Set a message aside: refused itself, or waiting behind one that was."""
        self._parked(
            speaker=message.speaker,
            key=message.key,
            stream=message.stream,
            position=message.position,
            type=message.type,
            reason=refusal.name if refusal else WAITS_BEHIND,
            sentence=refusal.sentence if refusal else "An earlier fact of its key is parked.",
            value=message.value,
        )

    @event(Parked)
    def _parked(
        self,
        speaker: str,
        key: str,
        stream: str,
        position: int,
        type: str,
        reason: str,
        sentence: str,
        value: bytes,
    ) -> None:
        self.waiting.append(position)


def parked_keys(work: Work) -> dict[str, int]:
    """How many facts are parked, by `speaker/key`, in order."""
    found: dict[str, int] = {}
    for tag, stream in work.tagged(PARKED):
        facts = work.find(ParkedFacts, stream)
        if facts and facts.waiting:
            found[tag.removeprefix(PARKED)] = len(facts.waiting)
    return found
