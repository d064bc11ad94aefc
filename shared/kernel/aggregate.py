"""The base of every aggregate and of every event that a house remembers.

A public method decides and may refuse; a method under `@event` only assigns, for it runs again
at every replay. Each event class carries an explicit `TOPIC`, for ever.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from operator import itemgetter
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from eventsourcing.domain import (
    AggregateCreated,
    AggregateEvent,
    BaseAggregate,
    decorated_funcs,
    event,
)

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

        def mutate(self, aggregate: Any) -> Any:
            """Let it happen to its aggregate, as the library does in a fraction of the time.

            The library finds out at every event anew what the method under `@event` takes.
            """
            if aggregate is None or not _follows(self, aggregate):
                return super().mutate(aggregate)  # begins an aggregate, or says what is wrong
            body, arguments = _body(type(self))
            body(aggregate, *arguments(vars(self)))
            aggregate._version = self.originator_version
            aggregate._modified_on = self.timestamp
            return aggregate

    def trigger_event(self, event_class: Any, **kwargs: Any) -> None:
        """Let something happen: its fields become the event as they are, as when it is read back.

        The library calls a constructor that sets each of them by a function call.
        """
        fields = {
            "originator_id": self._id,
            "originator_version": self._version + 1,
            "timestamp": event_class.create_timestamp(),
            **kwargs,
        }
        if fields.keys() != _fields(event_class):
            event = event_class(**fields)  # which says what is wrong, or knows defaults
        else:
            event = object.__new__(event_class)
            object.__setattr__(event, "__dict__", fields)
        event.mutate(self)
        self._pending_events.append(event)


AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)

Arguments = Callable[[dict[str, Any]], tuple[Any, ...]]


@cache
def _fields(cls: Any) -> set[str]:
    """The names of all fields of an event class."""
    return {field.name for field in dataclasses.fields(cls)}


@cache
def _body(cls: type) -> tuple[Callable[..., None], Arguments]:
    """The method under `@event` of an event class, and how it is called with the event's fields."""
    body: Any = decorated_funcs[cls]
    names = body.__code__.co_varnames[1 : body.__code__.co_argcount]
    if len(names) > 1:
        return body, itemgetter(*names)
    return body, lambda fields: tuple(fields[name] for name in names)


def _follows(event: AggregateEvent, aggregate: BaseAggregate[UUID]) -> bool:
    """Whether an event is the next one of an aggregate. To compare two ids costs more than most."""
    stream = event.originator_id
    is_its = stream is aggregate._id or stream == aggregate._id
    return is_its and event.originator_version == aggregate._version + 1
