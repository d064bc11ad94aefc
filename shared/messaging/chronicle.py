"""What a house hears, kept as it came: for a house that shows what its neighbours told."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.facts.envelope import Message
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.ids import stable_id


class HeardFact(Aggregate):
    """One fact of a neighbour. Its stream has one event; the log has them in the order heard."""

    TOPIC = "heard-fact"

    class Kept(Created):
        """A neighbour's fact was heard; `content` is its value as it came over the wire."""

        TOPIC = "heard-fact.kept"
        speaker: str
        position: int
        type: str
        key: str
        told_at: datetime
        content: dict[str, Any]

    @event(Kept)
    def __init__(
        self,
        speaker: str,
        position: int,
        type: str,
        key: str,
        told_at: datetime,
        content: dict[str, Any],
    ) -> None:
        self.speaker = speaker
        self.position = position

    @staticmethod
    def create_id(speaker: str, position: int) -> UUID:
        """One stream per fact: the position in the speaker's log names it."""
        return stable_id("heard-fact", speaker, str(position))


def kept(message: Message) -> HeardFact:
    """A message that opened without a fault, as the house remembers it."""
    return HeardFact(
        speaker=message.speaker,
        position=message.position,
        type=message.type,
        key=message.key,
        told_at=message.time,
        content=msgspec.json.decode(message.value),
    )
