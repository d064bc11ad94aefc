"""One stream of a log, read event by event: what happened, when, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Engine, column, select, table

from shared.eventstore.asks import Asked
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import MAXIMUM
from shared.kernel.aggregate import Aggregate
from shared.kernel.value import Value

EVENTS = table("stored_events", *map(column, ("position", "originator_id", "originator_version")))

STAMPS = ("originator_id", "originator_version", "originator_topic", "timestamp", "cause")
"""What every event has besides its own fields."""


class Happened(NamedTuple):
    """One event of a stream, as people read it; `state` is the aggregate's after it."""

    position: int
    version: int
    at: datetime
    topic: str
    what: str
    cause: str
    fields: dict[str, Any]
    state: dict[str, Any]


def happened(log: EventLog, engine: Engine, stream: UUID) -> Iterator[Happened]:
    """The events of a stream, in order; `engine` is that of the log's own database."""
    rows = log.recorder.stream(stream, 0, MAXIMUM)
    positions = _positions(engine, stream)
    aggregate: Aggregate | None = None
    for version, topic, state in rows:
        event = log.mapper.event(stream, version, topic, state)
        aggregate = cast("Aggregate", event.mutate(aggregate))
        said = {name: plain(value) for name, value in vars(event).items() if name not in STAMPS}
        left = {n: plain(value) for n, value in vars(aggregate).items() if not n.startswith("_")}
        yield Happened(
            position=positions[version],
            version=version,
            at=event.timestamp,
            topic=topic,
            what=_meaning(type(event)),
            cause=_cause(log, event.cause),
            fields=said,
            state=left,
        )


def _meaning(cls: type) -> str:
    """The first line of an event class's docstring, skipping signatures that were generated."""
    docs = ((each.__doc__ or "", each.__name__) for each in cls.__mro__)
    return next(
        doc.strip().partition("\n")[0] for doc, name in docs if doc and doc[: len(name)] != name
    )


def plain(value: Any) -> Any:
    """A value as JSON has it, with keys that people can read."""
    if names := _names(value):
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {_key(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _key(key: Any) -> str:
    if names := _names(key):
        words = (getattr(key, name) for name in names)
        return " ".join(str(word) for word in words if word is not None)
    return str(key)


def _names(value: Any) -> Sequence[str]:
    """The names of a record's fields; none for anything else."""
    if isinstance(value, Value):
        return value.__struct_fields__
    is_record = is_dataclass(value) and not isinstance(value, type)
    return [field.name for field in fields(value)] if is_record else ()


def _positions(engine: Engine, stream: UUID) -> dict[int, int]:
    """The positions of a stream's events in the log, by version."""
    name: Any = stream.hex if engine.dialect.name == "sqlite" else stream
    query = select(EVENTS.c.originator_version, EVENTS.c.position)
    with engine.connect() as connection:
        found = connection.execute(query.where(EVENTS.c.originator_id == name))
        return dict(map(tuple, found))


def _cause(log: EventLog, cause: str) -> str:
    """What led to an event: an ask by its use case and who asked, a fact by its speaker."""
    kind, _, name = cause.partition(":")
    if kind != "ask":
        return f"fact {name} of {kind.partition('/')[0]}"
    for row in log.recorder.stream(UUID(name), 0, 1):
        made = log.mapper.event(UUID(name), *row)
        if isinstance(made, Asked.Made):
            return f"{made.use_case}, asked by {made.by}"
    return cause
