"""Pages of what was told."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select

from services.gateway.domain.distribution import CASH_MISMATCH
from services.gateway.domain.market import PaymentMode
from services.gateway.views.distributions import (
    CASH_MISMATCHES,
    DISTRIBUTIONS,
    FOUND_MODES,
    UNVALIDATIONS,
    VALIDATIONS,
)
from services.gateway.views.markets import MARKETS, MODES
from services.gateway.views.producers import PRODUCERS
from shared.eventstore.reading import Readable

Row = dict[str, Any]


def producers_after(views: Readable, after: str, limit: int) -> list[Row]:
    """Producers whose id follows another, by id."""
    query = select(PRODUCERS).where(PRODUCERS.c.producer_id > after)
    return views.found(query.order_by(PRODUCERS.c.producer_id).limit(limit))


def markets_after(views: Readable, after: str, limit: int) -> list[Row]:
    """Markets whose id follows another, by id, each with its modes."""
    query = select(MARKETS).where(MARKETS.c.market_id > after)
    markets = views.found(query.order_by(MARKETS.c.market_id).limit(limit))
    ids = [market["market_id"] for market in markets]
    modes: dict[str, list[Row]] = defaultdict(list)
    for mode in views.found(select(MODES).where(MODES.c.market_id.in_(ids)).order_by(MODES.c.seq)):
        modes[mode["market_id"]].append(mode)
    return [{**market, "payment_modes": modes[market["market_id"]]} for market in markets]


def distributions_after(views: Readable, after: str, limit: int) -> list[Row]:
    """Distributions whose id follows another, by id, each as last told."""
    query = select(DISTRIBUTIONS).where(DISTRIBUTIONS.c.distribution_id > after)
    rows = views.found(query.order_by(DISTRIBUTIONS.c.distribution_id).limit(limit))
    streams = [row["stream"] for row in rows]
    validations = _latest(views, VALIDATIONS, streams)
    modes = _by_key(views, FOUND_MODES, streams)
    mismatches = _by_key(views, CASH_MISMATCHES, streams)
    gone = _latest(views, UNVALIDATIONS, streams)
    told = [
        _told(row["distribution_id"], validations.get(row["stream"]), modes, gone) for row in rows
    ]
    for row, shown in zip(rows, told, strict=True):
        mismatch = (row["stream"], shown["validation_no"]) in mismatches
        shown["held"] = CASH_MISMATCH if mismatch and _must_match(shown) else None
    return told


def _must_match(told: Row) -> bool:
    """Whether what was paid has to equal what is owed."""
    return told["payment_mode"] == PaymentMode.ONLINE and not told["unvalidated"]


def _told(
    distribution_id: str,
    told: Row | None,
    modes: dict[tuple[UUID, int], Row],
    gone: dict[UUID, Row],
) -> Row:
    if told is None:
        names = ("market_id", "day", "validation_no", "validated_at", "payment_mode")
        nothing = {**dict.fromkeys(names), "sales_cents": 0, "unvalidated": False}
        return {"distribution_id": distribution_id, **nothing}
    stream, number = told["stream"], told["validation_no"]
    found = modes.get((stream, number), told)
    return {
        "distribution_id": distribution_id,
        "market_id": told["market_id"],
        "day": told["day"],
        "validation_no": number,
        "validated_at": told["validated_at"],
        "payment_mode": found["payment_mode"],
        "sales_cents": told["sales_cents"],
        "unvalidated": stream in gone and gone[stream]["validation_no"] >= number,
    }


def _latest(views: Readable, table: Table, streams: list[UUID]) -> dict[UUID, Row]:
    """For each stream, the row with the highest number."""
    query = select(table).where(table.c.stream.in_(streams)).order_by(table.c.validation_no)
    return {row["stream"]: row for row in views.found(query)}


def _by_key(views: Readable, table: Table, streams: list[UUID]) -> dict[tuple[UUID, int], Row]:
    query = select(table).where(table.c.stream.in_(streams))
    return {(row["stream"], row["validation_no"]): row for row in views.found(query)}
