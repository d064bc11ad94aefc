"""How events are stored: clean JSON, typed by the event class itself, for ever.

The stored state is one JSON object: the fields of the event, `timestamp` (UTC), `cause`, and
`class_version` if that is above 1. No envelopes, no Python paths: the topic names the class.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar, cast, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import TopicError, get_topic, resolve_topic

from shared.eventstore.recorder import Row, StreamRow
from shared.kernel.aggregate import Aggregate, Applier, Remembered, applier

Unreadable = MapperDeserialisationError
"""Raised for an event that today's code cannot read."""

COLUMNS = ("originator_id", "originator_version")
"""Event fields that are columns of the table, not part of the stored state."""

encode = msgspec.json.Encoder().encode
new, give = object.__new__, object.__setattr__


class Excerpt(msgspec.Struct, gc=False, kw_only=True):
    """Some of the stored fields of an event, or of a part of one, under their stored names.

    A reader that needs no others decodes it in a third of the time.
    """

    class_version: int = 1


AsStored = msgspec.Raw
"""A field of an excerpt that is passed on as stored, not decoded."""


def fields(*names: str) -> Callable[[AsStored], dict[str, str | int | None]]:
    """A decoder of the named fields, all of them plain values, from stored JSON."""
    shape = TypedDict("Fields", dict.fromkeys(names, str | int | None))  # type: ignore[misc]
    return msgspec.json.Decoder(cast("Any", shape)).decode


AnyExcerpt = TypeVar("AnyExcerpt", bound=Excerpt)


class TypedMapper(Mapper[UUID]):
    """Encodes events with msgspec and decodes them by the annotations of their class.

    Raises Unreadable, naming topic, stream and version, for a state that today's class cannot read.
    """

    def written(self, event: DomainEventProtocol[UUID]) -> Row:
        """An event as a row."""
        kind = _written(type(event))
        state = vars(event).copy()
        stream, version = state.pop("originator_id"), state.pop("originator_version")
        if kind.version > 1:
            state["class_version"] = kind.version
        return Row(stream, version, kind.topic, encode(state))

    def event(self, stream: UUID, version: int, topic: str, state: bytes) -> Remembered:
        """Decode an event, upcast to the version of its class if it is older.

        The decoded fields become those of the event as they are; no constructor is called.
        """
        try:
            kind = _read(topic)
            if kind.version > 1:
                state = _upcast(kind, state)
            fields = kind.decode(state)
            _refuse_newer(kind, fields.pop("class_version", 1))
        except Exception as reason:
            raise _unreadable(stream, version, topic, reason) from reason
        fields["originator_id"] = stream
        fields["originator_version"] = version
        event: Remembered = new(kind.cls)
        give(event, "__dict__", fields)
        return event

    def excerpts(
        self, topic: str, shape: type[AnyExcerpt]
    ) -> Callable[[UUID | str, int, bytes], AnyExcerpt]:
        """A function that reads excerpts of a topic's events from stream, version and state.

        Excerpts say what today's class would have written.
        """
        kind, decode = _read(topic), msgspec.json.Decoder(shape).decode
        newest = kind.version

        def excerpt(stream: UUID | str, version: int, state: bytes) -> AnyExcerpt:
            try:
                taken = decode(state if newest == 1 else _upcast(kind, state))
                if taken.class_version > newest:
                    _refuse_newer(kind, taken.class_version)
            except Exception as reason:
                raise _unreadable(stream, version, topic, reason) from reason
            return taken

        return excerpt

    def replayed(self, stream: UUID, rows: Iterable[StreamRow]) -> Any:
        """The aggregate of a stream, replayed from its rows; None if there are none.

        Making an event costs as much as applying it, so one is made only to begin the aggregate, to
        upcast an older version, or to report what is wrong.
        """
        remaining = iter(rows)
        first = next(remaining, None)
        found: Any = first and self.event(stream, *first).mutate(None)
        for version, topic, state in remaining:
            try:
                replay = _replay(topic)
                fields = replay.decode(state)
            except (TopicError, ValueError):
                is_plain = False
            else:
                is_current = fields.class_version == replay.class_version
                is_plain = is_current and version == found._version + 1
            if is_plain:
                replay.apply(found, fields)
            else:
                found = self.event(stream, version, topic, state).mutate(found)
        return found

    def cls(self, topic: str) -> type[Remembered]:
        """The event class that a topic names; raises Unreadable."""
        try:
            return _read(topic).cls
        except Exception as reason:
            raise Unreadable(f"{topic} names no event: {reason}") from reason

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode an event, in the library's terms."""
        return StoredEvent(*self.written(domain_event))

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Decode an event, in the library's terms."""
        stream = cast("UUID", stored_event.originator_id)
        version, topic = stored_event.originator_version, stored_event.topic
        return self.event(stream, version, topic, stored_event.state)


class _Kind(NamedTuple):
    """What is known of an event class."""

    cls: type[Remembered]
    topic: str
    version: int
    decode: Callable[[bytes], dict[str, Any]]
    """Decodes a state to the dict that becomes the event's fields."""


class _Replay(NamedTuple):
    """How stored events of a class are replayed."""

    class_version: int
    decode: Callable[[bytes], Any]
    """Decodes a state to a struct in half the time: its fields are read only once."""
    apply: Applier


@cache
def _written(cls: type) -> _Kind:
    decode = msgspec.json.Decoder(stored_shape(cls)).decode
    return _Kind(cls, get_topic(cls), class_version(cls), decode)


@cache
def _read(topic: str) -> _Kind:
    return _written(resolve_topic(topic))


@cache
def _replay(topic: str) -> _Replay:
    """How events of a topic are replayed; raises ValueError if they begin their aggregate."""
    kind = _read(topic)
    if not issubclass(kind.cls, Aggregate.Event):
        raise ValueError(f"{topic} begins an aggregate")
    decode = msgspec.json.Decoder(_struct_shape(kind.cls)).decode
    return _Replay(kind.version, decode, applier(kind.cls))


def _unreadable(stream: UUID | str, version: int, topic: str, reason: Exception) -> Exception:
    stream = UUID(str(stream))
    return Unreadable(f"{topic} of stream {stream}, version {version}, cannot be read: {reason}")


class _Version(msgspec.Struct):
    class_version: int = 1


_stored_version = msgspec.json.Decoder(_Version).decode


def _upcast(kind: _Kind, stored: bytes) -> bytes:
    """A state as today's class would have written it, without its version."""
    version = _stored_version(stored).class_version
    _refuse_newer(kind, version)
    state: dict[str, Any] = msgspec.json.decode(stored)
    for older in range(version, kind.version):
        getattr(kind.cls, f"upcast_v{older}_v{older + 1}")(state)
    state.pop("class_version", None)
    return encode(state)


def _refuse_newer(kind: _Kind, version: int) -> None:
    if version > kind.version:
        raise ValueError(f"it was written as version {version}, this code knows {kind.version}")


def class_version(cls: type) -> int:
    """The version of an event class: 1 unless it says otherwise."""
    return cast("int", getattr(cls, "class_version", 1))


def stored_shape(cls: type) -> Any:
    """The shape of the stored state of an event class, as a TypedDict made from its fields."""
    hints = get_type_hints(cls)
    fields: dict[str, Any] = {"cause": str, "class_version": NotRequired[int]}
    for field in dataclasses.fields(cls):
        if field.name in COLUMNS:
            continue
        hint = hints[field.name]
        optional = field.default is not dataclasses.MISSING
        fields[field.name] = NotRequired[hint] if optional else hint
    return TypedDict(cls.__name__, fields)  # type: ignore[operator]


def _struct_shape(cls: type) -> type[msgspec.Struct]:
    """The same shape as a struct, with the class's own values for fields that are not stored."""
    shape = stored_shape(cls)
    absent = {name: getattr(cls, name, None) for name in shape.__optional_keys__}
    absent["class_version"] = 1
    fields = [
        (name, hint, absent[name]) if name in absent else (name, hint)
        for name, hint in get_type_hints(shape).items()
    ]
    return msgspec.defstruct(cls.__name__, fields, kw_only=True, gc=False)
