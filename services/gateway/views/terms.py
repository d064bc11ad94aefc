"""The terms of sales, as billing told them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import JSON, bindparam, func, literal_column, null, select, type_coerce, union_all

from services.gateway.domain.terms import Closings, Span, Tariff
from services.gateway.views.heard import FORMULAS, MONDAYS, MONTHS, RATINGS, TARIFFS
from shared.eventstore.reading import Readable


@dataclass
class Terms:
    """What billing had told of some producers and a distribution as of one moment.

    `rated` holds, by producer, the number of the validation that billing rated last.
    """

    tariffs: list[Tariff] = field(default_factory=list)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    closings: Closings = field(default_factory=Closings)
    rated: dict[str, int] = field(default_factory=dict)


NO_POSITION: Any = literal_column("0")
NO_FACT: Any = type_coerce(null(), JSON)


def terms_of(views: Readable, producer_ids: Collection[str], distribution_id: str = "") -> Terms:
    """The terms of some producers' sales at a distribution, in one query."""
    asked = {"producers": list(producer_ids), "distribution": distribution_id}
    terms = Terms(spans={producer_id: [] for producer_id in producer_ids})
    for row in views.found(TOLD, asked):
        match row["what"]:
            case "tariff":
                terms.tariffs.append(_tariff(row["fact"]))
            case "formula":
                terms.spans[row["about"]] += map(span_in, row["fact"]["spans"])
            case "rating":
                terms.rated[row["about"]] = row["fact"]["validation_no"]
            case "monday" if row["about"]:
                terms.closings = terms.closings._replace(
                    settled_until=date.fromisoformat(row["about"])
                )
            case "month" if row["about"]:
                terms.closings = terms.closings._replace(closed_until=row["about"])
    return terms


def _told(what: str, about: Any, position: Any = NO_POSITION, fact: Any = NO_FACT) -> Any:
    """Rows of one kind, each about a producer, a day, a month or a version of the tariff."""
    kind: Any = literal_column(f"'{what}'").label("what")
    return select(kind, about.label("about"), position.label("position"), fact.label("fact"))


TOLD = union_all(
    _told("tariff", TARIFFS.c.version, TARIFFS.c.position, TARIFFS.c.fact),
    _told("formula", FORMULAS.c.producer_id, FORMULAS.c.position, FORMULAS.c.fact).where(
        FORMULAS.c.producer_id.in_(bindparam("producers", expanding=True))
    ),
    _told("rating", RATINGS.c.producer_id, RATINGS.c.position, RATINGS.c.fact).where(
        RATINGS.c.distribution_id == bindparam("distribution")
    ),
    _told("monday", func.max(MONDAYS.c.monday)),
    _told("month", func.max(MONTHS.c.month)),
).order_by("position")


def spans_of(views: Readable, producer_id: str) -> list[Span]:
    """The days on which a producer is ENGAGEE."""
    query = select(FORMULAS.c.fact).where(FORMULAS.c.producer_id == producer_id)
    return [span_in(span) for row in views.found(query) for span in row["fact"]["spans"]]


def span_in(span: dict[str, Any]) -> Span:
    """A span as a fact holds it."""
    first, last = date.fromisoformat(span["from_on"]), date.fromisoformat(span["until_on"])
    return Span(first, last, span["reason"], span["session_id"])


def _tariff(fact: dict[str, Any]) -> Tariff:
    return Tariff(
        version=fact["version"],
        from_on=date.fromisoformat(fact["from_on"]),
        flexible_bp=fact["flexible_bp"],
        engagee_bp=fact["engagee_bp"],
        payment_bp=fact["payment_bp"],
        vat_bp=fact["vat_bp"],
    )
