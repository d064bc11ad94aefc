"""What an explanation of a fee needs, from what billing and training told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from services.gateway.domain.explanation import Explanation, Fee, Rating, explained
from services.gateway.domain.terms import Formula
from services.gateway.views.heard import FEES, RATINGS, TARIFFS, TRAININGS
from services.gateway.views.terms import span_in
from shared.eventstore.reading import Readable
from shared.facts.billing import FeeCharged
from shared.kernel.errors import unknown

Row = dict[str, Any]


@dataclass(frozen=True)
class Grounds:
    """An explanation, and the facts it rests on."""

    explanation: Explanation
    fee: Row
    rating: Row
    tariff: Row
    training: tuple[Row, ...]
    """What was told of the training that gives the formula, rows of TRAININGS."""


def grounds(
    views: Readable, fee_id: str, may_see: Callable[[str], bool] = lambda _: True
) -> Grounds:
    """Explain a fee, if its producer's fees may be seen.

    Raises NotFound if they may not, for a fee never charged, and for one not heard of yet.
    """
    found = views.found(select(FEES.c.fact).where(FEES.c.fee_id == fee_id))
    if not found or not may_see(found[0]["fact"]["producer_id"]):
        raise unknown("fee", fee_id)
    fact = found[0]["fact"]
    fees = _fees(views, fact)
    ratings = _ratings(views, fact["producer_id"], fact["distribution_id"])
    fee = next(f for f in fees if f.fee_id == fee_id)
    explanation = explained(fee, fees, [_rating(row) for row in ratings])
    rating = explanation.rating
    return Grounds(
        explanation=explanation,
        fee=fact,
        rating=next(row["fact"] for row in ratings if row["position"] == rating.position),
        tariff=_tariff(views, rating.tariff_version),
        training=_training(views, fact["producer_id"], rating.span.session_id)
        if rating.span
        else (),
    )


def _fees(views: Readable, of: Row) -> list[Fee]:
    query = select(FEES.c.position, FEES.c.fact).where(
        FEES.c.producer_id == of["producer_id"],
        FEES.c.distribution_id == of["distribution_id"],
        FEES.c.type == FeeCharged.type(),
    )
    rows = views.found(query.order_by(FEES.c.position))
    return [_fee(row) for row in rows if row["fact"]["kind"] == of["kind"]]


def _fee(row: Row) -> Fee:
    fact = row["fact"]
    return Fee(
        position=row["position"],
        fee_id=fact["fee_id"],
        kind=fact["kind"],
        channel=fact["channel"],
        month=fact["month"],
        monday=date.fromisoformat(fact["monday"]) if fact["monday"] else None,
        rate_bp=fact["rate_bp"],
        amount_cents=fact["amount_cents"],
    )


def _ratings(views: Readable, producer_id: str, distribution_id: str) -> list[Row]:
    query = select(RATINGS.c.position, RATINGS.c.fact).where(
        RATINGS.c.producer_id == producer_id, RATINGS.c.distribution_id == distribution_id
    )
    return sorted(views.found(query), key=lambda row: row["position"])


def _rating(row: Row) -> Rating:
    fact = row["fact"]
    return Rating(
        position=row["position"],
        validation_no=fact["validation_no"],
        first_validated_at=datetime.fromisoformat(fact["first_validated_at"]),
        channel=fact["channel"],
        sales_cents=fact["sales_cents"],
        formula=Formula(fact["formula"]),
        span=span_in(fact["span"]) if fact["span"] else None,
        tariff_version=fact["tariff_version"],
        held=fact["held"],
        cause=fact["cause"],
    )


def _tariff(views: Readable, version: int) -> Row:
    query = select(TARIFFS.c.fact, TARIFFS.c.position).where(TARIFFS.c.version == str(version))
    row = views.found(query)[0]
    return {**row["fact"], "position": row["position"]}


def _training(views: Readable, producer_id: str, session_id: str) -> tuple[Row, ...]:
    query = select(TRAININGS).where(
        TRAININGS.c.producer_id == producer_id, TRAININGS.c.session_id == session_id
    )
    return tuple(views.found(query.order_by(TRAININGS.c.position)))
