"""The embedded transport: a listener reads its neighbours' logs by position. No broker."""

from collections.abc import Mapping, Sequence

from shared.facts.envelope import Message
from shared.messaging.source import Speaker


class EmbeddedSource:
    """Reads the logs of the neighbours of one listener, in turn."""

    PAGE = 500

    def __init__(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers
        self._silence: dict[str, tuple[int, int]] = {}
        """By speaker: between these two positions nothing was told, so do not read it again."""

    def poll(self, heard: Mapping[str, int], limit: int) -> list[Message]:
        """The next facts of all neighbours, in the order of their times.

        As far as is certain: beyond the end of a page, its speaker may have more.
        """
        pages = [
            page
            for speaker in self._speakers
            if (page := self._next(speaker, heard.get(f"{speaker.name}/0", 0), limit))
        ]
        if not pages:
            return []
        certain = min(page[-1].time for page in pages)
        merged = sorted((m for page in pages for m in page), key=lambda m: (m.time, m.position))
        return [message for message in merged if message.time <= certain][:limit]

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

    def tails(self) -> dict[str, int]:
        """The position of the last fact of every neighbour that told any."""
        found: dict[str, int] = {}
        for speaker in self._speakers:
            position = 0
            while True:
                messages, reached = speaker.told(position, self.PAGE)
                found |= {message.stream: message.position for message in messages}
                if reached == position:
                    break
                position = reached
        return found

    def close(self) -> None:
        """Nothing is held."""
