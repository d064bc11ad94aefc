"""The last fact of a log is found from its end, however far back it lies."""

from collections.abc import Collection

import pytest

from shared.facts.envelope import EPOCH, Message
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.source import BATCH

RESTORED = 1_000_000
"""Positions that a restored log skips."""


class Log:
    """A speaker given by positions: those of all its events, and those of its facts."""

    name = "gateway"

    def __init__(self, events: Collection[int], facts: Collection[int]) -> None:
        self._events, self._facts = sorted(events), set(facts)
        self.reads = 0

    def head(self) -> int:
        return self._events[-1] if self._events else 0

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        self.reads += 1
        page = [position for position in self._events if position > after][:limit]
        told = [Message(self.name, p, "x", "1", EPOCH, b"") for p in page if p in self._facts]
        return told, page[-1] if page else after


@pytest.mark.parametrize(
    ("events", "facts", "tails"),
    [
        ([], [], {}),
        ([1], [1], {"gateway/0": 1}),
        (range(1, 3 * BATCH), [], {}),
        (range(1, 3 * BATCH), [1], {"gateway/0": 1}),
        (range(1, 3 * BATCH), [1, BATCH - 1, 2 * BATCH - 1], {"gateway/0": 2 * BATCH - 1}),
        (range(1, 18 * BATCH), [7, 2 * BATCH + 5], {"gateway/0": 2 * BATCH + 5}),
        ([1, 2, RESTORED + 3], [1], {"gateway/0": 1}),
        ([1, 2, *range(RESTORED + 3, RESTORED + 4 * BATCH)], [2], {"gateway/0": 2}),
        ([1, 2, RESTORED + 3, RESTORED + 4], [1, RESTORED + 3], {"gateway/0": RESTORED + 3}),
    ],
)
def test_the_last_fact_is_found_in_few_reads(
    events: Collection[int], facts: Collection[int], tails: dict[str, int]
) -> None:
    log = Log(events, facts)
    assert EmbeddedSource([log]).tails() == tails
    assert log.reads <= 30
