"""The base of every aggregate and of every event that a house remembers.

A public method decides and may refuse; a method under `@event` only assigns, for it runs again
at every replay. Each event class carries an explicit `TOPIC`, for ever.
"""

from collections.abc import Iterable
from typing import ClassVar, TypeVar
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate, event

__all__ = ["Aggregate", "AnyAggregate", "Created", "Remembered", "event"]


class Remembered(AggregateEvent):
    """What every event of every house has besides its own fields."""

    cause: ClassVar[str] = ""
    """What led to it: `speaker/partition:position` of a fact, or `ask:<id>`; stamped when kept."""

    def tags(self) -> Iterable[str]:
        """Words by which the stream of this event can be found again (`EventLog.tagged`)."""
        return ()


class Created(Remembered, AggregateCreated):
    """The first thing that happened to an aggregate.

    Not nested in `Aggregate`: the library would ask every aggregate for a topic of its own.
    """


class Aggregate(BaseAggregate[UUID]):
    """Something with a life of its own, remembered as a short stream of events."""

    class Event(Remembered):
        """Something that happened to it."""


AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)
