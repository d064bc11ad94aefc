"""`POST /v1/reconciliations`: the marketplace's sales of a day compared with what was told."""

from collections import defaultdict
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from services.gateway.api.shown import HeardUntil, Shape, Shown
from services.gateway.views.accounting import Row, sales_of_day
from services.gateway.views.freshness import heard_until
from shared.asks.base import Body, Cents, Count, Day, Id
from shared.web.guarded import ReadingAll
from shared.web.problems import PROBLEMS


class SalesCounted(Body):
    """What the marketplace counts for one producer on the day, in cents incl. VAT."""

    producer_id: Id
    lines: Count
    sales_cents: Cents


class DayCounted(Body):
    """What the marketplace counts for a day, one row per producer who sold anything."""

    day: Day
    rows: Annotated[tuple[SalesCounted, ...], Field(max_length=5_000)]


class Counted(Shape):
    """Lines and sales in cents incl. VAT."""

    lines: int
    sales_cents: int


class Drift(Shape):
    """A producer for whom the two differ, the distributions we know, and what to do."""

    producer_id: str
    theirs: Counted
    ours: Counted
    distributions: tuple[str, ...]
    reason: Literal["MISSING_HERE", "MISSING_THERE", "DIFFERS", "HELD"]
    what_to_do: str


class ReconciliationShape(Shape):
    """How many producers agree, and the drifts by producer."""

    day: date
    agreeing: int
    drifts: tuple[Drift, ...]
    heard_until: HeardUntil


WHAT_TO_DO = {
    "MISSING_HERE": "Tell these distributions again, or leave them out if they are never billed "
    "(pedagogic producer, test market, AMAP).",
    "MISSING_THERE": "Tell the distribution's current state: its lines no longer exist with you.",
    "DIFFERS": "Tell the distribution again under a higher validation_no, with its current lines.",
    "HELD": "See /v1/held: paid and owed amounts differ; tell it again once they match.",
}


def add_reconciliations(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.post("/reconciliations", responses=PROBLEMS)
    def reconcile(_: ReadingAll, body: DayCounted) -> ReconciliationShape:
        """Compare a day's sales by producer with what was told. Nothing is recorded."""
        return reconciled(shown, body)


def reconciled(shown: Shown, body: DayCounted) -> ReconciliationShape:
    """What agrees and what does not, by producer."""
    with shown.views.reading() as views:
        fresh = heard_until(views)
        sales = sales_of_day(views, body.day)
    ours: dict[str, list[Row]] = defaultdict(list)
    for sale in sales:
        ours[sale["producer_id"]].append(sale)
    theirs: dict[str, Counted] = defaultdict(lambda: Counted(lines=0, sales_cents=0))
    for row in body.rows:
        before = theirs[row.producer_id]
        theirs[row.producer_id] = Counted(
            lines=before.lines + row.lines, sales_cents=before.sales_cents + row.sales_cents
        )
    producers = sorted({*ours, *theirs})
    drifts = [d for p in producers if (d := _drift(p, theirs[p], ours[p]))]
    return ReconciliationShape(
        day=body.day,
        agreeing=len(producers) - len(drifts),
        drifts=tuple(drifts),
        heard_until=fresh,
    )


def _drift(producer_id: str, theirs: Counted, sales: list[Row]) -> Drift | None:
    ours = Counted(
        lines=sum(sale["lines"] for sale in sales),
        sales_cents=sum(sale["sales_cents"] for sale in sales),
    )
    if ours == theirs:
        return None
    reason = _reason(theirs, sales)
    return Drift(
        producer_id=producer_id,
        theirs=theirs,
        ours=ours,
        distributions=tuple(sale["distribution_id"] for sale in sales),
        reason=reason,
        what_to_do=WHAT_TO_DO[reason],
    )


def _reason(
    theirs: Counted, sales: list[Row]
) -> Literal["MISSING_HERE", "MISSING_THERE", "DIFFERS", "HELD"]:
    if not sales:
        return "MISSING_HERE"
    if any(sale["held"] for sale in sales):
        return "HELD"
    return "DIFFERS" if theirs.sales_cents else "MISSING_THERE"
