"""What is asked of a log on PostgreSQL in many words, and how much is written with one call."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, LiteralString

from shared.eventstore.recorder import Row

MAXIMUM_EVENTS = 1_000
MAXIMUM_BYTES = 4 * 1024 * 1024
"""Caps of one call; a larger transaction makes several calls."""

APPEND: LiteralString = (
    "SELECT * FROM {s}.append(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], "
    "%b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::uuid[])"
)

STREAMS: LiteralString = (
    "SELECT n, originator_version, topic, state "
    "FROM unnest(%b::uuid[]) WITH ORDINALITY AS wanted (stream, n) CROSS JOIN LATERAL ("
    "SELECT originator_version, topic, state FROM {s}.stored_events "
    "WHERE originator_id = stream AND originator_version <= %b ORDER BY originator_version) AS own "
    "ORDER BY n, originator_version"
)


def columns(rows: Sequence[tuple[Any, ...]], count: int) -> Iterable[Sequence[Any]]:
    """Rows turned into arrays, one a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * count


def portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in portions within the caps of one call."""
    remaining = iter(rows)
    while portion := list(islice(remaining, MAXIMUM_EVENTS)):
        chunk: list[Row] = []
        size = 0
        for row in portion:
            if chunk and size + len(row.state) > MAXIMUM_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append(row)
            size += len(row.state)
        yield chunk
