"""The season of the sandbox, multiplied by copies with other producers."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEASON = Path(__file__).parents[1] / "sandbox" / "season.ndjson.gz"
NAMES = {"id", "session_id", "market_id", "producer_id", "billing_party_id"}
"""Fields that name a producer, a market, a session or a distribution."""


def season(times: float) -> Iterator[bytes]:
    """Its notices, one per line; every copy has producers and markets of its own."""
    with gzip.open(SEASON) as file:
        notices = [json.loads(line) for line in file]
    step = max(1, round(1 / times))  # less than a season: of its distributions, one in `step`
    few = notices if step == 1 else [n for n in notices if n["kind"] != "distribution"]
    few += [] if step == 1 else [n for n in notices if n["kind"] == "distribution"][::step]
    for copy in range(max(1, round(times))):
        for notice in few:
            yield json.dumps(_renamed(notice, f"c{copy}-")).encode() + b"\n"


def lines_of(notice: bytes) -> int:
    """How many order lines a notice has."""
    return notice.count(b'"line_id"')


def _renamed(told: Any, prefix: str) -> Any:
    if isinstance(told, list):
        return [_renamed(each, prefix) for each in told]
    if not isinstance(told, dict):
        return told
    return {
        name: f"{prefix}{value}" if name in NAMES and value is not None else _renamed(value, prefix)
        for name, value in told.items()
    }
