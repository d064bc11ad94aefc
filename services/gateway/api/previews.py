"""What billing is expected to charge: fee previews, and the figures in the answer to a PUT."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from services.gateway.api.shown import HeardUntil, Shape, Shown
from services.gateway.domain.distribution import Distribution, Validation
from services.gateway.domain.market import PaymentMode
from services.gateway.domain.terms import Closings, Estimate, Formula, estimate, home, tariff_on
from services.gateway.views.accounting import Row, fees_of_distribution, total
from services.gateway.views.freshness import heard_until
from services.gateway.views.terms import terms_of
from shared.asks.base import Body, Cents, Day, Id
from shared.kernel.calendar import Month
from shared.kernel.money import share
from shared.web.guarded import Reading
from shared.web.problems import PROBLEMS


class PreviewAsked(Body):
    """Sales of a day, in cents incl. VAT, by a producer who need not be known yet."""

    producer_id: Id
    payment_mode: Literal["ONLINE", "ON_SITE"]
    amount_cents: Cents
    on: Day


class PreviewShape(Shape):
    """What these sales would be charged: fees excl. VAT, the VAT for information."""

    producer_id: str
    formula: Formula
    tariff_version: int
    service_bp: int
    payment_bp: int
    service_fee_cents: int
    payment_fee_cents: int
    vat_cents: int
    net_cents: Annotated[int, Field(description="Amount less fees and VAT.")]
    heard_until: HeardUntil


class Figures(Shape):
    """One producer in a validation. `monday` if paid online, `month` of the invoice."""

    producer_id: str
    sales_cents: int
    service_fee_cents: int
    payment_fee_cents: int
    vat_cents: int
    formula: Formula
    monday: date | None
    month: Month
    provisional: bool
    warnings: tuple[str, ...] = ()


def add_previews(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.post("/fee-previews", responses=PROBLEMS)
    def preview_fees(caller: Reading, body: PreviewAsked) -> PreviewShape:
        """What sales of a day would be charged under what is known now. Nothing is recorded."""
        caller.must_see(body.producer_id, "producer", body.producer_id)
        with shown.views.reading() as views:
            fresh = heard_until(views)
            terms = terms_of(views, [body.producer_id])
        found = estimate(
            body.amount_cents,
            PaymentMode(body.payment_mode),
            body.on,
            spans=terms.spans[body.producer_id],
            tariffs=terms.tariffs,
        )
        taken = found.service_fee_cents + found.payment_fee_cents + found.vat_cents
        return PreviewShape(
            producer_id=body.producer_id,
            **vars(found),
            net_cents=body.amount_cents - taken,
            heard_until=fresh,
        )


def figures(shown: Shown, distribution: Distribution, told: Validation) -> list[Figures]:
    """Each producer's figures in a validation; none while payment mode or tariffs are unknown."""
    mode = distribution.modes.get(told.validation_no)
    terms = terms_of(shown.views, told.parts, distribution.distribution_id)
    if mode is None or not terms.tariffs:
        return []
    final = {who for who, number in terms.rated.items() if number == told.validation_no}
    charged = fees_of_distribution(shown.views, distribution.distribution_id) if final else []
    found = []
    for producer_id, part in sorted(told.parts.items()):
        expected = estimate(
            part.sales_cents,
            mode,
            told.day,
            spans=terms.spans[producer_id],
            tariffs=terms.tariffs,
        )
        figure = _provisional(
            producer_id, part.sales_cents, expected, distribution, told, terms.closings
        )
        if producer_id in final:
            own = [fee for fee in charged if fee["producer_id"] == producer_id]
            figure = _final(figure, own, tariff_on(terms.tariffs, told.day).vat_bp)
        found.append(figure)
    return found


def _provisional(
    producer_id: str,
    sales_cents: int,
    expected: Estimate,
    distribution: Distribution,
    told: Validation,
    closed: Closings,
) -> Figures:
    first = distribution.validations[min(distribution.validations)].validated_at
    monday, month = home(distribution.modes[told.validation_no], first, closed)
    return Figures(
        producer_id=producer_id,
        sales_cents=sales_cents,
        service_fee_cents=expected.service_fee_cents,
        payment_fee_cents=expected.payment_fee_cents,
        vat_cents=expected.vat_cents,
        formula=expected.formula,
        monday=monday,
        month=month,
        provisional=True,
        warnings=_warnings(distribution, producer_id, told),
    )


def _final(figure: Figures, fees: list[Row], vat_bp: int) -> Figures:
    """What billing charged in all, and the place of the last charge."""
    service_cents, payment_cents = total(fees, "SERVICE"), total(fees, "PAYMENT")
    place = {name: fees[-1][name] for name in ("monday", "month")} if fees else {}
    return Figures.model_validate(
        {
            **figure.model_dump(),
            **place,
            "service_fee_cents": service_cents,
            "payment_fee_cents": payment_cents,
            "vat_cents": share(service_cents + payment_cents, vat_bp),
            "provisional": False,
        }
    )


def _warnings(distribution: Distribution, producer_id: str, told: Validation) -> tuple[str, ...]:
    stands = distribution.told.get(producer_id)
    if stands is None:
        return ("not billed: the market or producer is unknown so far, or is never billed",)
    if stands.held:
        return (f"held: {stands.held}",)
    if stands.validation_no != told.validation_no:
        return (f"validation {stands.validation_no} stands instead",)
    return () if stands.part else ("not billed: un-validated, or never billed",)
