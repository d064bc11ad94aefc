"""The embedded transport: a listener reads its neighbours' logs by position. No broker."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from shared.facts.envelope import Message
from shared.messaging.source import BATCH, Speaker


class EmbeddedSource:
    """Reads the logs of one listener's neighbours, in turn."""

    waits = False

    def __init__(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers
        self._silence: dict[str, tuple[int, int]] = {}
        """By speaker, two positions between which nothing was told, not to be read again."""

    def poll(self, heard: Mapping[str, int], limit: int, *, surely: bool = True) -> list[Message]:
        """The next facts of all neighbours, in the order of their times.

        Only as far as that order is certain: beyond the end of its page, a speaker may have more.
        """
        pages = [
            page
            for speaker in self._speakers
            if (page := self._next(speaker, heard.get(f"{speaker.name}/0", 0), limit))
        ]
        if not pages:
            return []
        timed = [list(zip(_rising(page), page, strict=True)) for page in pages]
        certain = min(page[-1][0] for page in timed)
        merged = heapq.merge(*timed, key=lambda pair: pair[0])
        return [message for time, message in merged if time <= certain][:limit]

    def _next(self, speaker: Speaker, heard: int, limit: int) -> list[Message]:
        begins, ends = self._silence.get(speaker.name, (0, 0))
        position = ends if begins <= heard <= ends else heard
        while True:
            messages, reached = speaker.told(position, min(limit, BATCH))
            if messages:
                return messages
            self._silence[speaker.name] = (heard, reached)
            if reached == position:
                return []
            position = reached

    def tails(self) -> dict[str, int]:
        """The position of the last fact of every neighbour that told any."""
        last = (self._last(speaker) for speaker in self._speakers)
        return {message.stream: message.position for message in last if message}

    def _last(self, speaker: Speaker) -> Message | None:
        """The last fact of a speaker, searched for backwards from its head, in steps that double.

        A log that was restored from a backup skips a million positions.
        """
        end, step = speaker.head(), BATCH
        while end > 0:
            begin = max(0, end - step)
            if messages := _told_between(speaker, begin, end):
                return messages[-1]
            end, step = begin, step * 2
        return None

    def stream_of(self, message: Message) -> str:
        """The stream of its speaker, which has only one."""
        return message.stream

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _rising(page: Sequence[Message]) -> Iterable[datetime]:
    """The times of a speaker's facts, none earlier than those in front of it.

    A clock may be set back; the order of the log holds.
    """
    return accumulate((message.time for message in page), max)


def _told_between(speaker: Speaker, position: int, end: int) -> list[Message]:
    """The facts of the last page that has any, of those that begin between two positions."""
    found: list[Message] = []
    while position < end:
        messages, position = speaker.told(position, BATCH)
        found = messages or found
    return found
