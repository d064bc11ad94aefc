"""`GET /v1/producers/{id}/standing`: what the marketplace may offer a producer."""

import hashlib
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from services.gateway.api.shown import HeardUntil, Shape, Shown
from services.gateway.domain.terms import Formula
from services.gateway.views.freshness import heard_until
from services.gateway.views.standing import Standing, TrainingStatus, standing
from shared.asks.base import Day
from shared.web.guarded import Reading
from shared.web.problems import PROBLEMS
from shared.web.trainings import Id

Known = Annotated[
    str | None, Header(description="ETags of cached answers: 304 if one still matches.")
]


class TrainingShape(Shape):
    """A producer's trainings. `next_due_on`: without another, the first day no longer ENGAGEE."""

    last_completed_on: date | None
    next_due_on: date | None
    status: TrainingStatus


class PayoutShape(Shape):
    """How the producer is paid out."""

    status: Literal["NOT_CONNECTED"]
    onboarding_url: str | None


class StandingShape(Shape):
    """How a producer stands on a day; a null bound means for ever."""

    formula: Formula
    formula_since: date | None
    formula_until: date | None
    market_creation: Literal["FREE", "ON_REQUEST"]
    training: TrainingShape
    payout: PayoutShape
    info_missing: tuple[str, ...]
    blocked_from: date | None
    heard_until: HeardUntil


def add_standing(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.get(
        "/producers/{producer_id}/standing",
        response_model=StandingShape,
        responses={304: {"description": "Not modified: the ETag still matches"}, **PROBLEMS},
    )
    def read_standing(
        caller: Reading,
        producer_id: Id,
        response: Response,
        on: Annotated[Day | None, Query(description="Default: today in Paris.")] = None,
        if_none_match: Known = None,
    ) -> StandingShape | Response:
        """How a producer stands on a day: formula, trainings, payout, what is missing."""
        caller.must_see(producer_id, "producer", producer_id)
        with shown.views.reading() as views:
            fresh = heard_until(views)
            found = _shape(standing(views, producer_id, on or shown.today()), fresh)
        tag = _tag(found)
        if if_none_match and _matches(if_none_match, tag):
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return found


def _matches(header: str, tag: str) -> bool:
    """Compare as RFC 9110 does for If-None-Match: weakly, and `*` matches any."""
    given = {item.strip().removeprefix("W/") for item in header.split(",")}
    return tag in given or "*" in given


def _shape(found: Standing, fresh: dict[str, str]) -> StandingShape:
    return StandingShape(
        formula=found.formula,
        formula_since=found.since,
        formula_until=found.until,
        market_creation="FREE" if found.formula is Formula.ENGAGEE else "ON_REQUEST",
        training=TrainingShape(
            last_completed_on=found.last_completed_on,
            next_due_on=found.next_due_on,
            status=found.status,
        ),
        payout=PayoutShape(status="NOT_CONNECTED", onboarding_url=None),
        info_missing=found.info_missing,
        blocked_from=None,
        heard_until=fresh,
    )


def _tag(found: StandingShape) -> str:
    """An ETag, equal for standings that say the same, however fresh they are."""
    content = found.model_dump_json(exclude={"heard_until"})
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
