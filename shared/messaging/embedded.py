"""The embedded transport: a listener reads its neighbours' logs by position. No broker."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.facts.envelope import Message


class Speaker(Protocol):
    """A house as its listeners see it."""

    name: str

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        """The facts among the next `limit` events after a position, and how far that reaches."""


class FactSource(Protocol):
    """The port of the transport: where a listener gets what its neighbours told.

    For each speaker, messages come in the order in which they were told; a message may come
    again, never too late. The listener alone knows what it has heard.
    """

    def poll(self, heard: Mapping[str, int], limit: int) -> list[Message]:
        """Up to `limit` messages that follow the positions heard (`stream` → position).

        An empty list means that nothing new was told by now.
        """


class EmbeddedSource:
    """Reads the logs of the neighbours of one listener, in turn."""

    PAGE = 500

    def __init__(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers
        self._silence: dict[str, tuple[int, int]] = {}
        """By speaker: between these two positions nothing was told, so do not read it again."""

    def poll(self, heard: Mapping[str, int], limit: int) -> list[Message]:
        """The next facts of the first neighbour that has any."""
        for speaker in self._speakers:
            messages = self._next(speaker, heard.get(f"{speaker.name}/0", 0), limit)
            if messages:
                return messages
        return []

    def _next(self, speaker: Speaker, heard: int, limit: int) -> list[Message]:
        begins, ends = self._silence.get(speaker.name, (0, 0))
        position = ends if begins <= heard <= ends else heard
        while True:
            messages, reached = speaker.told(position, min(limit, self.PAGE))
            if messages:
                return messages
            self._silence[speaker.name] = (heard, reached)
            if reached == position:
                return []
            position = reached
