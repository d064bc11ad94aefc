"""View rows made from a log: an event goes straight to the views that read it.

A view is a pure function from an event to rows, so all that it shows can be rebuilt. What no view
reads is not decoded; where a view takes an excerpt, only that is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any, NamedTuple, get_type_hints

from sqlalchemy import Table

from shared.eventstore.log import EventLog
from shared.eventstore.mapper import Excerpt
from shared.eventstore.recorder import MAXIMUM, BareRow
from shared.kernel.aggregate import Remembered

PAGE = 1_000
"""Events folded at a time."""

Row = tuple[Table, Mapping[str, Any]]


@dataclass(frozen=True)
class View:
    """One read model: its tables and, by class of event, the rows that an event writes to them.

    A function may take an excerpt instead of the event: its annotation says so. Raise `version`
    when the meaning of rows changes: the view then has to be rebuilt.
    """

    name: str
    tables: tuple[Table, ...]
    rows_by_event: Mapping[type[Remembered], Callable[[Any], Iterable[Row]]]
    version: int = 1


class Folded(NamedTuple):
    """A part of the log: its number of events, how far each view has read, and the rows made."""

    size: int
    positions: dict[str, int]
    rows: list[Row]


class _Maker(NamedTuple):
    """Makes rows from the events of one topic.

    `read` takes a stream as a bare row has it, the version in it, and the state.
    """

    read: Callable[[Any, int, bytes], Remembered | Excerpt]
    rows: Callable[[Any], Iterable[Row]]


def folded(
    log: EventLog,
    views: Sequence[View],
    stood: Mapping[str, int] | None = None,
    until: Mapping[str, int] | None = None,
) -> Iterator[Folded]:
    """The rows that views make from a log, page by page.

    Each reads on from where it `stood`, or from the beginning, up to `until`, or to the end.
    """
    positions = {view.name: (stood or {}).get(view.name, 0) for view in views}
    ends = {view.name: (until or {}).get(view.name, MAXIMUM) for view in views}
    spans = [(view, positions[view.name] + 1, ends[view.name]) for view in views]
    for first, last, reading in _stretches(spans):
        makers = cache(partial(_makers, log, reading))
        for stored in _pages(log, first, last):
            rows: list[Row] = []
            for _, stream, version, topic, state in stored:
                for read, make in makers(topic):
                    rows += make(read(stream, version, state))
            reached = stored[-1][0]
            positions = {
                name: max(position, min(reached, ends[name]))
                for name, position in positions.items()
            }
            yield Folded(len(stored), positions, rows)


def _pages(log: EventLog, first: int, last: int) -> Iterator[Sequence[BareRow]]:
    while page := log.recorder.bare_page(first, last, PAGE):
        yield page
        first = page[-1][0] + 1


def _stretches(
    spans: Iterable[tuple[View, int, int]],
) -> Iterator[tuple[int, int, list[View]]]:
    """The first and last position of every stretch of the log, and the views that read it.

    A span is a view, and the first and last position that it reads.
    """
    spans = [span for span in spans if span[1] <= span[2]]
    edges = sorted({edge for _, first, last in spans for edge in (first, last + 1)})
    for edge, following in pairwise(edges):
        if reading := [view for view, first, last in spans if first <= edge <= last]:
            yield edge, following - 1, reading


def _makers(log: EventLog, views: Iterable[View], topic: str) -> list[_Maker]:
    mapper, stream_id, cls = log.mapper, log.recorder.stream_id, log.mapper.cls(topic)

    def event(stream: Any, version: int, state: bytes) -> Remembered:
        return mapper.event(stream_id(stream), version, topic, state)

    found = []
    for view in views:
        if make := view.rows_by_event.get(cls):
            shape = taken(make)
            found.append(_Maker(mapper.excerpts(topic, shape) if shape else event, make))
    return found


def taken(make: Callable[[Any], Iterable[Row]]) -> type[Excerpt] | None:
    """The excerpt that a function takes; None if it takes the event itself."""
    takes = next(iter(get_type_hints(make).values()))
    return takes if isinstance(takes, type) and issubclass(takes, Excerpt) else None
