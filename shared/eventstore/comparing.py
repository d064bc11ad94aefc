"""Two logs of one house compared, event by event: what one says and the other does not."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.eventstore.asks import Asked
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import MAXIMUM

NATURAL = (
    "producer_id", "distribution_id", "party_id", "market_id", "session_id", "month", "channel",
    "monday", "number", "speaker", "key", "use_case",
)  # fmt: skip
"""Fields by which people name what an event is about."""

OF_ITS_TIME = {"": ("timestamp",), Asked.Made.TOPIC: ("timestamp", "heard")}
"""Fields that differ whenever an event is written again, by topic: when it was written and, of an
ask, how far facts had been heard, even those that led to nothing."""

WORDING = frozenset({"warnings", "sentence"})
"""Fields that hold sentences for people, which newer code may word otherwise."""

Content = dict[str, Any]
Key = tuple[UUID, int]
"""What identifies an event: its stream and its version there."""
ABSENT = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """One event that differs between two logs; `fields`: what it says in one and in the other.

    `position` is its position in the first log; None if only the second has the event.
    """

    position: int | None
    topic: str
    about: str
    fields: dict[str, tuple[Any, Any]]

    def __str__(self) -> str:
        where = "only in the replay" if self.position is None else f"event {self.position}"
        said = "; ".join(f"{name} is {a!r}, not {b!r}" for name, (a, b) in self.fields.items())
        return f"{where}, {self.topic} of {self.about}: {said}"


def differences(
    lived: EventLog, again: EventLog, until: int, ignored: Collection[str] = ()
) -> Iterator[Difference]:
    """Where the second log does not say what the first says up to position `until`.

    Stream, version, topic and content are compared, whatever `ignored` fields say, and however
    sentences are worded.
    """
    left_out = WORDING.union(ignored)
    left = {key: (topic, content) for _, key, topic, content in _contents(again, MAXIMUM)}
    for position, key, topic, content in _contents(lived, until):
        other_topic, other = left.pop(key, (ABSENT, {}))
        if topic != other_topic:
            fields = {"the whole event": (topic, other_topic)}
            yield Difference(position, topic, about(lived, key, content), fields)
        elif content != other and (fields := dict(_fields("", content, other, left_out))):
            yield Difference(position, topic, about(lived, key, content), fields)
    for key, (topic, content) in left.items():
        fields = {"the whole event": (ABSENT, topic)}
        yield Difference(None, topic, about(again, key, content), fields)


def _contents(log: EventLog, until: int) -> Iterator[tuple[int, Key, str, Content]]:
    """Every event: position, key, topic, and its content as today's code writes it."""
    for position, stream, version, topic, stored in log.rows(until):
        state = stored
        if b'"class_version"' in stored:  # it may be older than what a replay writes
            state = log.mapper.written(log.mapper.event(stream, version, topic, stored)).state
        content: Content = msgspec.json.decode(state)
        out = OF_ITS_TIME.get(topic, OF_ITS_TIME[""])
        kept = {name: value for name, value in content.items() if name not in out}
        yield position, (stream, version), topic, kept


def _fields(
    path: str, here: Any, there: Any, ignored: frozenset[str]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(here, dict) and isinstance(there, dict):
        for name in sorted((here.keys() | there.keys()) - ignored):
            inner = f"{path}.{name}" if path else name
            yield from _fields(inner, here.get(name, ABSENT), there.get(name, ABSENT), ignored)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from _fields(f"{path}[{number}]", one, other, ignored)
    elif here != there and not _is_same_moment(here, there):
        yield path, (here, there)


def _is_same_moment(here: Any, there: Any) -> bool:
    """Whether two texts are the same instant: an ask keeps it in UTC, an event as it was told."""
    try:
        one, other = datetime.fromisoformat(here), datetime.fromisoformat(there)
    except (TypeError, ValueError):
        return False
    return one.tzinfo is not None and other.tzinfo is not None and one == other


def about(log: EventLog, key: Key, content: Content) -> str:
    """What an event is about, in people's words, some of them from its stream's first event."""
    begun = log.recorder.stream(key[0], 0, 1)
    first = msgspec.json.decode(begun[0][-1]) if begun else {}
    flat = dict(_words(first))
    for said in (*content.values(), content):
        flat |= dict(_words(said))
    return " ".join(f"{n.removesuffix('_id')} {flat[n]}" for n in NATURAL if flat.get(n)) or "it"


def _words(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        yield from ((n, v) for n, v in content.items() if isinstance(v, (str, int)))
