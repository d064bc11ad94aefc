"""The longer statements for a log on PostgreSQL, and how much one call may write."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString
from uuid import UUID

from shared.eventstore.chain import linked
from shared.eventstore.postgres_arrays import Packed, bigints, byteas, texts, uuids
from shared.eventstore.recorder import Row, Step

MAXIMUM_EVENTS = 1_000
MAXIMUM_BYTES = 4 * 1024 * 1024
"""Caps on one call; a larger transaction makes several calls."""

APPEND: LiteralString = (
    "SELECT * FROM {s}.append(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[], "
    "%b::bytea, %b::bytea[], %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::uuid[])"
)

STREAMS: LiteralString = (
    "SELECT n, originator_version, topic, state "
    "FROM unnest(%b::uuid[]) WITH ORDINALITY AS wanted (stream, n) CROSS JOIN LATERAL ("
    "SELECT originator_version, topic, state FROM {s}.stored_events "
    "WHERE originator_id = stream AND originator_version <= %b ORDER BY originator_version) AS own "
    "ORDER BY n, originator_version"
)


def append_parameters(
    rows: Sequence[Row],
    steps: Sequence[Step],
    tags: Sequence[tuple[str, UUID]],
    before: bytes | None,
) -> tuple[Packed | None, ...]:
    """APPEND's parameters, one array per column; `before` is the presumed last link, if any."""
    links = linked(before, rows) if before else ()
    streams, versions, topics, states = _columns(rows, 4)
    names, stood, stand = _columns(steps, 3)
    words, tagged = _columns(tags, 2)
    return (
        *(uuids(streams), bigints(versions), texts(topics), byteas(states)),
        *(Packed(before) if before else None, byteas(links)),
        *(texts(names), bigints(stood), bigints(stand)),
        *(texts(words), uuids(tagged)),
    )


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> Iterable[Sequence[Any]]:
    return zip(*rows, strict=True) if rows else [()] * count


def portions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in portions within the caps of one call."""
    portion: list[Row] = []
    size = 0
    for row in rows:
        size += len(row.state)
        if portion and (len(portion) == MAXIMUM_EVENTS or size > MAXIMUM_BYTES):
            yield portion
            portion, size = [], len(row.state)
        portion.append(row)
    if portion:
        yield portion
