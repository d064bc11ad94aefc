"""How an event is written: clean JSON, typed by the event class itself, for ever.

The stored state is one JSON object: the fields of the event, `timestamp` (UTC), `cause`, and
`class_version` where that is above 1. No envelopes, no Python paths: the topic names the class.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict, cast, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import get_topic, resolve_topic

Unreadable = MapperDeserialisationError
"""An event that the code of today cannot read."""

COLUMNS = ("originator_id", "originator_version")
"""Fields of an event that are columns of the table, not part of the stored state."""


class TypedMapper(Mapper[UUID]):
    """Encodes events with msgspec and decodes them by the annotations of their class.

    Raises MapperDeserialisationError, naming topic, stream and version, for a state that the
    class of today cannot read.
    """

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Write an event down."""
        cls = type(domain_event)
        state = {k: v for k, v in vars(domain_event).items() if k not in COLUMNS}
        version = class_version(cls)
        if version > 1:
            state["class_version"] = version
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=get_topic(cls),
            state=msgspec.json.encode(state),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Read an event back, raised to the version of its class if it is older."""
        try:
            cls = resolve_topic(stored_event.topic)
            state = self._state(cls, stored_event.state)
        except Exception as reason:
            raise MapperDeserialisationError(
                f"{stored_event.topic} of stream {stored_event.originator_id}, version "
                f"{stored_event.originator_version}, cannot be read: {reason}"
            ) from reason
        state["originator_id"] = stored_event.originator_id
        state["originator_version"] = stored_event.originator_version
        event = object.__new__(cls)
        vars(event).update(state)
        return cast("DomainEventProtocol[UUID]", event)

    def _state(self, cls: type, stored: bytes) -> dict[str, Any]:
        current = class_version(cls)
        version = _stored_version(stored)
        if version > current:
            raise ValueError(f"it was written as version {version}, this code knows {current}")
        if version < current:
            raw: dict[str, Any] = msgspec.json.decode(stored)
            for older in range(version, current):
                getattr(cls, f"upcast_v{older}_v{older + 1}")(raw)
            stored = msgspec.json.encode(raw)
        state = _decoder(cls)(stored)
        state.pop("class_version", None)
        return state


class _Version(msgspec.Struct):
    class_version: int = 1


_stored_version_decoder = msgspec.json.Decoder(_Version)


def _stored_version(stored: bytes) -> int:
    if b'"class_version"' not in stored:
        return 1
    return _stored_version_decoder.decode(stored).class_version


def class_version(cls: type) -> int:
    """The version of an event class: 1 unless it says otherwise."""
    return cast("int", getattr(cls, "class_version", 1))


_decoders: dict[type, Callable[[bytes], dict[str, Any]]] = {}


def _decoder(cls: type) -> Callable[[bytes], dict[str, Any]]:
    if cls not in _decoders:
        _decoders[cls] = msgspec.json.Decoder(stored_shape(cls)).decode
    return _decoders[cls]


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
