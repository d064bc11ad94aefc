"""`GET /v1/fees/{id}/explanation`: why a fee has its amount."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path
from fastapi.responses import PlainTextResponse, Response

from services.gateway.api.explained_in_french import step_text, text
from services.gateway.api.shown import HeardUntil, Shape, Shown
from services.gateway.domain.explanation import StepName
from services.gateway.domain.terms import Formula
from services.gateway.views.explaining import Grounds, grounds
from services.gateway.views.freshness import heard_until
from services.gateway.views.standing import DAY_FIELDS
from shared.web.guarded import Reading
from shared.web.problems import PROBLEMS

FeeId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_.:-]{1,120}$", description="As listed in a distribution's billing."),
]
Accept = Annotated[str, Header(description="`text/plain` for only the sentence in French.")]


class FeeExplained(Shape):
    """The fee, as it was charged."""

    fee_id: str
    producer_id: str
    party_id: str
    distribution_id: str
    kind: Literal["SERVICE", "PAYMENT"]
    channel: Literal["ONLINE", "ON_SITE"]
    month: str
    monday: date | None
    amount_cents: int
    corrects: str | None


class SaleExplained(Shape):
    """The sale as it stood when the fee was charged, in cents incl. VAT."""

    distribution_id: str
    market_id: str
    market_name: str
    day: date
    validation_no: int
    validated_at: datetime
    first_validated_at: datetime
    payment_mode: Literal["ONLINE", "ON_SITE"]
    sales_cents: int
    held: str | None


class TrainingExplained(Shape):
    """The training that gives the formula, as it was told."""

    session_id: str
    kind: str | None
    enrolled_on: date | None
    completed_on: date | None
    cancelled_on: date | None


class FormulaExplained(Shape):
    """The formula of the day and what gives it; FLEXIBLE needs no reason."""

    formula: Formula
    reason: Literal["INTEGRATION_ENROLMENT", "COMPLETED_TRAINING", "SWITCH"] | None
    from_on: date | None
    until_on: date | None
    training: TrainingExplained | None


class TariffExplained(Shape):
    """The tariff of the day, and the rate of this fee in it."""

    version: int
    from_on: date
    rate_bp: int


class StepExplained(Shape):
    """A step of the arithmetic; `fees` are the ones it adds up."""

    step: StepName
    cents: int
    fees: tuple[str, ...]
    text: str


class ChangeExplained(Shape):
    """What changed since the sale was last rated."""

    what: str
    before: str
    after: str


class EventExplained(Shape):
    """A fact that this rests on, by the id under which it is sent and listed in `/v1/events`."""

    id: str
    what: str


class ExplanationShape(Shape):
    """CHARGED = DUE − STANDING_ELSEWHERE − STANDING_HERE. `text` says it all, in French."""

    fee: FeeExplained
    sale: SaleExplained
    formula: FormulaExplained
    tariff: TariffExplained
    steps: tuple[StepExplained, ...]
    changes: tuple[ChangeExplained, ...]
    events: tuple[EventExplained, ...]
    text: str
    heard_until: HeardUntil


def add_explanations(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.get(
        "/fees/{fee_id}/explanation",
        response_model=ExplanationShape,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **PROBLEMS},
    )
    def explain_fee(
        caller: Reading, fee_id: FeeId, accept: Accept = ""
    ) -> ExplanationShape | Response:
        """Why a fee has its amount; as `text/plain`, in French, if that is asked for."""
        with shown.views.reading() as views:
            fresh = heard_until(views)
            found = grounds(views, fee_id, caller.may_see)
        if "text/plain" in accept and "json" not in accept:
            return PlainTextResponse(text(found))
        return _shape(found, fresh)


def _shape(found: Grounds, fresh: dict[str, str]) -> ExplanationShape:
    explanation, rating = found.explanation, found.rating
    return ExplanationShape(
        fee=FeeExplained.model_validate(found.fee),
        sale=SaleExplained.model_validate({**rating, "payment_mode": rating["channel"]}),
        formula=_formula(found),
        tariff=TariffExplained(
            version=found.tariff["version"],
            from_on=found.tariff["from_on"],
            rate_bp=found.fee["rate_bp"],
        ),
        steps=tuple(
            StepExplained(
                step=step.name,
                cents=step.cents,
                fees=tuple(fee.fee_id for fee in step.fees),
                text=step_text(step, found),
            )
            for step in explanation.steps
        ),
        changes=tuple(
            ChangeExplained.model_validate(vars(change)) for change in explanation.changes
        ),
        events=tuple(_events(found)),
        text=text(found),
        heard_until=fresh,
    )


def _formula(found: Grounds) -> FormulaExplained:
    span = found.rating["span"] or {}
    return FormulaExplained(
        formula=found.rating["formula"],
        reason=span.get("reason"),
        from_on=span.get("from_on"),
        until_on=span.get("until_on"),
        training=_training(found) if span else None,
    )


def _training(found: Grounds) -> TrainingExplained:
    days = {DAY_FIELDS[row["type"]]: row["fact"][DAY_FIELDS[row["type"]]] for row in found.training}
    kinds = [row["fact"]["kind"] for row in found.training]
    nothing = dict.fromkeys(DAY_FIELDS.values())
    return TrainingExplained.model_validate(
        {
            **nothing,
            **days,
            "session_id": found.rating["span"]["session_id"],
            "kind": kinds[-1] if kinds else None,
        }
    )


def _events(found: Grounds) -> list[EventExplained]:
    explanation = found.explanation
    ids = [
        (explanation.rating.cause, "what led to it"),
        (f"billing:{explanation.rating.position}", "the sale was rated"),
        (f"billing:{explanation.fee.position}", "the fee was charged"),
        (f"billing:{found.tariff['position']}", "the tariff was published"),
    ]
    ids += [(f"training:{row['position']}", row["type"]) for row in found.training]
    return [EventExplained(id=id_, what=what) for id_, what in ids]
