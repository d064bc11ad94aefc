"""The hash chain of a log: every row seals all the rows before it.

The link of a row is the SHA-256 of the link before it and of stream, version, topic and state,
each of a known length. The position is left out: a log copied to other positions stays intact.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain as joined
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from shared.eventstore.recorder import LogRow, Row

CHAINED_SINCE = 2
"""From this schema on, every row is linked when it is written: no migration mends its chain."""

END_STORED_SINCE = 4
"""From this schema on, the end of a log is kept beside it: no migration takes it from the rows."""

PAGE = 1_000
"""Rows linked, or checked, at a time."""

START = bytes(32)
"""The link before the first row."""


_numbers = Struct(">qi").pack
"""A version, and the length of a topic."""


class ChainedRow(NamedTuple):
    """A row of the log with its link; None if whoever wrote it knew nothing of links."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    chain: bytes | None

    def link_after(self, before: bytes) -> bytes:
        """The link that it has if it was written right after another link."""
        return link(before, Row(self.stream, self.version, self.topic, self.state))

    def follows(self, before: bytes | None) -> bool:
        """Whether it was written right after a link."""
        return before is not None and self.chain == self.link_after(before)

    def __str__(self) -> str:
        return f"position {self.position} ({self.topic}, stream {self.stream} v{self.version})"


def link(before: bytes, row: Row) -> bytes:
    """The link of a row that follows another link."""
    stream, version, topic, state = row
    name = topic.encode()
    return sha256(before + stream.bytes + _numbers(version, len(name)) + name + state).digest()


def linked(before: bytes, rows: Iterable[Row]) -> Iterator[bytes]:
    """The links of rows that follow a link."""
    for row in rows:
        before = link(before, row)
        yield before


def unlinked(
    page: Callable[[int], Sequence[tuple[*LogRow, bytes | None]]],
) -> Iterator[list[tuple[bytes, int]]]:
    """(link, position) for every row of a log without links, one list per page.

    `page` returns the rows after a position.
    """
    before, position = START, 0
    while found := page(position):
        rows = [Row(stream, version, topic, state) for _, stream, version, topic, state, _ in found]
        links = list(linked(before, rows))
        yield [(link, row[0]) for link, row in zip(links, found, strict=True)]
        before, position = links[-1], found[-1][0]


def broken(
    rows: Iterable[ChainedRow],
    before: bytes = START,
    position: int = 0,
    end: bytes | None = None,
) -> Iterator[str]:
    """A sentence for every row at which the chain breaks, in order.

    `rows` are all that follow `position`, where the row stands whose link is `before`. One of them
    has the link `end`, read before them; otherwise the last rows were deleted.
    """
    following: Iterator[ChainedRow | None] = iter(joined(rows, (None,)))
    row = next(following)
    is_end_seen = end in (None, before)
    while row is not None:
        next_row = next(following)
        is_end_seen |= row.chain == end or (next_row is None and row.link_after(before) == end)
        if row.follows(before):
            before = row.chain or before
        elif next_row is not None and next_row.follows(before) and row.follows(next_row.chain):
            yield f"{row} and {next_row} changed places"
            before, position = row.chain or before, next_row.position
            row = next(following)
            continue
        elif next_row is not None and next_row.follows(before):
            yield f"{row} was inserted: the next row was written directly after the one before it"
        elif next_row is not None and next_row.follows(row.link_after(before)):
            yield f"{row} does not have the link that it was written with"
            before = row.link_after(before)
        else:
            yield f"{row} {_reason(row, next_row, position)}"
            before = row.chain or before
        position, row = row.position, next_row
    if not is_end_seen:
        yield f"position {position} is the last one: rows followed it, or it was changed"


def _reason(row: ChainedRow, after: ChainedRow | None, position: int) -> str:
    if after is not None and not after.follows(row.chain):
        return "was changed, or it is not where it was written"
    if row.position > position + 1:
        return (
            f"does not follow position {position}: what came between is missing, or it was changed"
        )
    return "was changed"
