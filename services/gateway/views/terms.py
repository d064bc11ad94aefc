"""The terms of a producer's sales, as billing told them."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import func, select

from services.gateway.domain.terms import Closings, Span, Tariff
from services.gateway.views.heard import FORMULAS, MONDAYS, MONTHS, TARIFFS
from shared.eventstore.views import Views


def spans_of(views: Views, producer_id: str) -> list[Span]:
    """The days on which a producer is ENGAGEE."""
    return spans_by_producer(views, [producer_id])[producer_id]


def spans_by_producer(views: Views, producer_ids: Iterable[str]) -> dict[str, list[Span]]:
    """The days on which some producers are ENGAGEE, with one query for all of them."""
    found: dict[str, list[Span]] = {producer_id: [] for producer_id in producer_ids}
    query = select(FORMULAS.c.producer_id, FORMULAS.c.fact)
    for row in views.found(query.where(FORMULAS.c.producer_id.in_(found))):
        found[row["producer_id"]] += map(span_in, row["fact"]["spans"])
    return found


def span_in(span: dict[str, Any]) -> Span:
    """A span as a fact holds it."""
    first, last = date.fromisoformat(span["from_on"]), date.fromisoformat(span["until_on"])
    return Span(first, last, span["reason"], span["session_id"])


def closings(views: Views) -> Closings:
    """How far the books are settled and closed."""
    (last,) = views.found(LAST_CLOSED)
    nothing = Closings()
    return Closings(
        settled_until=date.fromisoformat(last["monday"] or nothing.settled_until.isoformat()),
        closed_until=last["month"] or nothing.closed_until,
    )


LAST_CLOSED = select(
    select(func.max(MONDAYS.c.monday)).scalar_subquery().label("monday"),
    select(func.max(MONTHS.c.month)).scalar_subquery().label("month"),
)


def tariffs(views: Views) -> list[Tariff]:
    """Every version of the tariff."""
    facts = [row["fact"] for row in views.found(select(TARIFFS.c.fact))]
    return [
        Tariff(
            version=fact["version"],
            from_on=date.fromisoformat(fact["from_on"]),
            flexible_bp=fact["flexible_bp"],
            engagee_bp=fact["engagee_bp"],
            payment_bp=fact["payment_bp"],
            vat_bp=fact["vat_bp"],
        )
        for fact in facts
    ]
