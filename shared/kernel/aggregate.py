"""The base of every aggregate and of every event that a house remembers.

A public method decides and may refuse; a method under `@event` only assigns, because it runs again
at every replay. Each event class carries an explicit `TOPIC`, which never changes.
"""

import dataclasses
from collections.abc import Callable, Iterable
from copy import copy
from functools import cache, partial
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import (
    AggregateCreated,
    AggregateEvent,
    BaseAggregate,
    CommandMethodDecorator,
    decorated_func_callers,
    decorated_funcs,
)
from eventsourcing.utils import get_topic, resolve_topic

__all__ = ["Aggregate", "AnyAggregate", "Applier", "Created", "Remembered", "applier", "event"]


class Remembered(AggregateEvent):
    """What every event of every house has besides its own fields."""

    cause: ClassVar[str] = ""
    """What led to it: a fact's `speaker/partition:position` or `ask:<id>`; set by `Work.keep`."""

    def tags(self) -> Iterable[str]:
        """Words by which the stream of this event can be found again (`Work.tagged`)."""
        return ()


class Created(Remembered, AggregateCreated):
    """The first thing that happened to an aggregate.

    Not nested in `Aggregate`, where the library would demand a topic for it in every aggregate.
    """

    def mutate(self, aggregate: Any) -> Any:
        """Begin the aggregate as the library would, in a fraction of the time."""
        if aggregate is not None:
            return super().mutate(aggregate)  # raises an error that says what is wrong
        cls = resolve_topic(self.originator_topic)
        begun = object.__new__(cls)
        begun.__base_init__(self.originator_id, self.originator_version, self.timestamp)
        body, arguments = _call(cls.__init__)
        body(begun, *arguments(self))
        return begun


class Aggregate(BaseAggregate[UUID]):
    """Something with a life of its own, remembered as a short stream of events."""

    class Event(Remembered):
        """Something that happened to it."""

        def mutate(self, aggregate: Any) -> Any:
            """Apply the event to its aggregate as the library would, in a fraction of the time.

            The library filters all fields by the parameters of the `@event` method, every time.
            """
            if aggregate is None or not _follows(self, aggregate):
                return super().mutate(aggregate)  # begins an aggregate, or raises an error
            applier(type(self))(aggregate, self)
            return aggregate

    def as_now(self) -> Self:
        """A copy that stays as it is now, whatever happens next.

        Copied one level deep: its collections must hold only values.
        """
        now = copy(self)
        vars(now).update({name: copy(value) for name, value in vars(self).items()})
        return now

    @classmethod
    def _create(cls, event_class: Any, *, id: UUID | None = None, **kwargs: Any) -> Any:
        begun = _made(
            event_class,
            {
                **kwargs,
                "originator_topic": get_topic(cls),
                "originator_id": id or cls.create_id(**_chosen(cls.create_id, kwargs)),
                "originator_version": cls.INITIAL_VERSION,
                "timestamp": event_class.create_timestamp(),
            },
        )
        aggregate = begun.mutate(None)
        aggregate._pending_events.append(begun)
        return aggregate

    def trigger_event(self, event_class: Any, *given: Any, **fields: Any) -> None:
        """Trigger an event; positional arguments take the names of its method's parameters."""
        how = _triggered(event_class)
        said = {
            "originator_id": self._id,
            "originator_version": self._version + 1,
            "timestamp": event_class.create_timestamp(),
            **fields,
        }
        if given:
            said.update(zip(how.names[: len(given)], given, strict=True))
        happened = _made(event_class, said)
        how.apply(self, happened)
        self._pending_events.append(happened)


AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)

Applier = Callable[[Aggregate, Any], None]
"""Applies the next event to its aggregate; any object with the fields of the event will do."""


@cache
def applier(event_class: type[Remembered]) -> Applier:
    """The function that applies events of a class; not for those that begin an aggregate."""
    body, arguments = _call(decorated_funcs[event_class])

    def apply(aggregate: Aggregate, said: Any) -> None:
        body(aggregate, *arguments(said))
        aggregate._version += 1
        aggregate._modified_on = said.timestamp

    return apply


class _Triggered(NamedTuple):
    """How events of a class are triggered: their method's parameters, and what applies them."""

    names: tuple[str, ...]
    apply: Applier


@cache
def _triggered(event_class: type[Remembered]) -> _Triggered:
    names = _parameters(decorated_funcs[event_class])[1:]
    return _Triggered(names, applier(event_class))


Arguments = Callable[[Any], tuple[Any, ...]]
Method = TypeVar("Method", bound=Callable[..., None])


def event(happens: type[Remembered]) -> Callable[[Method], Method]:
    """Decorate the method that assigns what an event says; calling it triggers the event."""

    def decorated(method: Method) -> Method:
        return cast("Method", _Trigger(event_spec=happens, decorated_obj=method))

    return decorated


class _Trigger(CommandMethodDecorator):
    """The library's decorator, without the wrapper that it builds at every call."""

    def __get__(self, aggregate: Any, owner: Any) -> Any:
        if aggregate is None or self.decorated_func.__name__ == "__init__":
            return super().__get__(aggregate, owner)
        return partial(aggregate.trigger_event, decorated_func_callers[self])


def _made(cls: Any, fields: dict[str, Any]) -> Any:
    """An event that adopts the dict of its fields as it is, as when it is read back.

    The library calls a constructor, which sets each field by a function call.
    """
    if fields.keys() != _fields(cls):
        return cls(**fields)  # raises an error, or fills in defaults
    made = object.__new__(cls)
    object.__setattr__(made, "__dict__", fields)
    return made


@cache
def _fields(cls: Any) -> set[str]:
    """The names of all fields of an event class."""
    return {field.name for field in dataclasses.fields(cls)}


@cache
def _call(body: Any) -> tuple[Callable[..., None], Arguments]:
    """A method that only assigns, and what takes its arguments from an event.

    A field added later, which an older event lacks, is found on its class: the default.
    """
    names = _parameters(body)[1:]
    if len(names) > 1:
        return body, attrgetter(*names)
    return body, lambda happened: tuple(getattr(happened, name) for name in names)


def _chosen(create_id: Callable[..., UUID], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an aggregate's first event that make up its id."""
    return {name: fields[name] for name in _parameters(create_id)}


@cache
def _parameters(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def _follows(event: AggregateEvent, aggregate: BaseAggregate[UUID]) -> bool:
    """Whether an event is an aggregate's next. Comparing ids is slow, so identity comes first."""
    stream = event.originator_id
    is_its = stream is aggregate._id or stream == aggregate._id
    return is_its and event.originator_version == aggregate._version + 1
