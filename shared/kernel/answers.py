"""How a house answers what it is told or asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Result(StrEnum):
    """What a notice did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"
    HELD = "held"


@dataclass(frozen=True)
class Answer:
    """What became of a notice or an ask: its result, what it waits for, warnings to read.

    `figures` are numbers on what was done, each named by its unit (`net_cents`, `documents`).
    """

    result: Result
    waiting_for: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)


def taken(version: int) -> Result:
    """The result for a snapshot that was taken: created the first time, updated afterwards."""
    return Result.CREATED if version == 0 else Result.UPDATED
