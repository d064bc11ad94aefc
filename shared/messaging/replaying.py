"""A house rebuilt: its stored causes, in their stored order, replayed into an empty log.

Every event stores what led to it: a fact, or an ask. So a house needs nothing else to be rebuilt,
and under other terms it becomes a branch: what would have come of the same causes.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from shared.eventstore.asks import Asked
from shared.eventstore.log import EventLog
from shared.eventstore.memory import gc_paused, stored
from shared.facts.envelope import Message
from shared.kernel.errors import Refusal
from shared.messaging.house import House
from shared.messaging.parking import ParkedFacts
from shared.messaging.source import BATCH, FactSource

Repeat = Callable[[Asked.Made], None]
"""Repeats an ask to the house that is being rebuilt."""


class CauseMissing(Refusal):
    """A fact that a house once heard is no longer available."""

    name = "cause-missing"


class Told:
    """What was told, found by its cause. Reads every stream forward, once."""

    def __init__(self, source: FactSource) -> None:
        self._source = source
        self._read: dict[str, int] = {}
        self._waiting: dict[tuple[str, int], Message] = {}

    def find(self, cause: str) -> Message:
        """The message that a cause names; raises CauseMissing if it was never told, or is gone.

        Its partition is the one on which it was heard, wherever it is read now.
        """
        stream, _, number = cause.rpartition(":")
        speaker, _, partition = stream.rpartition("/")
        wanted = speaker, int(number)
        while wanted not in self._waiting:
            batch = self._source.poll(self._read, BATCH)
            if not batch:
                raise CauseMissing(
                    f"{speaker} no longer has the fact at position {number} that was once heard: "
                    "restore its log, or its topic."
                )
            for message in batch:
                self._waiting[message.speaker, message.position] = message
                stood = self._read.get(message.stream, 0)
                self._read[message.stream] = max(stood, message.position)
        return replace(self._waiting.pop(wanted), partition=int(partition))


def replayed(
    lived: EventLog, again: House[Any], repeat: Repeat, told: Told, until: int
) -> Iterator[int]:
    """Replay in a house what led to the events up to `until`; yield how far it has come.

    Asks are made again by `repeat`; facts are heard again, in batches.
    """
    with gc_paused():
        batch: list[Message] = []
        for position, cause in _causes(lived, told, until):
            is_ask = isinstance(cause, Asked.Made)
            if batch and (is_ask or len(batch) == BATCH):
                again.hear(batch)
                batch = []
                yield position
            if isinstance(cause, Asked.Made):
                repeat(cause)
            else:
                batch.append(cause)
        if batch:
            again.hear(batch)
    yield until


def _causes(lived: EventLog, told: Told, until: int) -> Iterator[tuple[int, Asked.Made | Message]]:
    """What led to the events of a log, each cause once, at the position of its first event."""
    seen: set[str] = set()
    for event in stored(lived, until):
        if event.cause in seen or event.topic == ParkedFacts.Opened.TOPIC:
            continue  # the event after Opened has the message itself
        seen.add(event.cause)
        if event.topic == Asked.Made.TOPIC:
            yield event.position, cast("Asked.Made", event.read())
        elif event.topic == ParkedFacts.Parked.TOPIC:
            yield event.position, cast("ParkedFacts.Parked", event.read()).message
        else:
            yield event.position, told.find(event.cause)
