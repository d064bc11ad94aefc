"""Rows made of a log: an event goes straight to the views that read it.

A view is a pure function from an event to rows, so all that it shows can be made again. What no
view reads is not decoded; of what one takes an excerpt of, no more than that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple, get_type_hints

from sqlalchemy import Table

from shared.eventstore.log import EventLog
from shared.eventstore.mapper import Excerpt
from shared.eventstore.recorder import MAXIMUM
from shared.kernel.aggregate import Remembered

PAGE = 1_000
"""Events folded at a time."""

Row = tuple[Table, Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """One read model: its tables, and by class of event the rows that one writes in them.

    A function may take an excerpt instead of the event: its annotation says so. Who changes what
    rows mean raises the `version`: then the view has to be made again.
    """

    name: str
    tables: tuple[Table, ...]
    rows_by_event: Mapping[type[Remembered], Callable[[Any], Iterable[Row]]]
    version: int = 1


class Folded(NamedTuple):
    """A part of the log: how many events it has, how far each view has read, and the rows made."""

    size: int
    positions: dict[str, int]
    rows: list[Row]


class _Maker(NamedTuple):
    """What makes rows of the events of one topic, from one position to another.

    `read` is given a stream, as a bare row has it, the version in it, and the state.
    """

    first: int
    last: int
    read: Callable[[Any, int, bytes], Remembered | Excerpt]
    rows: Callable[[Any], Iterable[Row]]


def folded(
    log: EventLog,
    views: Sequence[View],
    stood: Mapping[str, int] | None = None,
    until: Mapping[str, int] | None = None,
) -> Iterator[Folded]:
    """The rows that views make of a log, page by page.

    Each reads on from where it `stood`, or from the beginning; as far as `until`, or to the end.
    """
    positions = {view.name: (stood or {}).get(view.name, 0) for view in views}
    ends = {view.name: (until or {}).get(view.name, MAXIMUM) for view in views}
    spans = [(view, positions[view.name] + 1, ends[view.name]) for view in views]
    behind = [(view, first, last) for view, first, last in spans if first <= last]
    makers = cache(partial(_makers, log, behind))
    first = min((first for _, first, _ in behind), default=1)
    end = max((last for *_, last in behind), default=0)
    while stored := log.recorder.bare_page(first, end, PAGE):
        rows: list[Row] = []
        for position, stream, version, topic, state in stored:
            for since, last, read, make in makers(topic):
                if since <= position <= last:
                    rows += make(read(stream, version, state))
        reached = stored[-1][0]
        positions = {
            name: max(position, min(reached, ends[name])) for name, position in positions.items()
        }
        yield Folded(len(stored), positions, rows)
        first = reached + 1


def _makers(log: EventLog, spans: Sequence[tuple[View, int, int]], topic: str) -> list[_Maker]:
    mapper, stream_id, cls = log.mapper, log.recorder.stream_id, log.mapper.cls(topic)

    def event(stream: Any, version: int, state: bytes) -> Remembered:
        return mapper.event(stream_id(stream), version, topic, state)

    found = []
    for view, first, last in spans:
        if make := view.rows_by_event.get(cls):
            shape = taken(make)
            read = mapper.excerpts(topic, shape) if shape else event
            found.append(_Maker(first, last, read, make))
    return found


def taken(make: Callable[[Any], Iterable[Row]]) -> type[Excerpt] | None:
    """The excerpt that a function takes; None where it takes the event itself."""
    takes = next(iter(get_type_hints(make).values()))
    return takes if isinstance(takes, type) and issubclass(takes, Excerpt) else None
