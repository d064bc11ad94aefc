"""From a body in the right shape to a notice that the domain understands."""

from collections.abc import Callable

from services.gateway.api import bodies
from services.gateway.domain import basket as domain
from services.gateway.domain.distribution import Validation
from services.gateway.domain.market import (
    MarketDetails,
    MarketKind,
    MarketNotice,
    ModeChange,
    PaymentMode,
)
from services.gateway.domain.producer import ProducerNotice, VatRegime
from shared.kernel.errors import Flaw, Refusal
from shared.kernel.persons import ERASED, FORGOTTEN, Person, Sealed

MAXIMUM_LINES = 5_000

Seal = Callable[[Person], Sealed]


class ForeignCountry(Refusal):
    """Producers from countries other than France are refused."""

    name = "foreign-country"


class ForeignCurrency(Refusal):
    """Currencies other than the euro are refused, never converted."""

    name = "foreign-currency"


class TooManyLines(Refusal):
    """A distribution has 5 000 lines at most."""

    name = "too-many-lines"


def producer_notice(producer_id: str, body: bodies.Producer, seal: Seal) -> ProducerNotice:
    """A producer's notice; `seal` seals the person's fields into one value."""
    if body.country != "FR":
        raise ForeignCountry(
            "Only producers of France can be billed.", [Flaw("/country", "must be FR")]
        )
    address = body.address or bodies.Address()
    person = Person(
        name=body.name,
        company_number=body.company_number,
        legal_form=body.legal_form,
        vat_number=body.vat_number,
        billing_email=body.billing_email,
        street=address.street,
        postcode=address.postcode,
        city=address.city,
    )
    sealed = seal(person)
    known = ERASED if sealed == FORGOTTEN else person
    return ProducerNotice(
        producer_id=producer_id,
        seq=body.seq,
        joined_on=body.joined_on,
        party_id=body.billing_party_id or producer_id,
        country=body.country,
        vat_regime=VatRegime(body.vat_regime) if body.vat_regime else None,
        pedagogic=body.pedagogic,
        disabled=body.disabled,
        info_missing=known.missing_for_invoice(),
        person=sealed,
    )


def market_notice(market_id: str, body: bodies.Market) -> MarketNotice:
    """A market's notice."""
    if body.currency != "EUR":
        raise ForeignCurrency("Only euros can be billed.", [Flaw("/currency", "must be EUR")])
    return MarketNotice(
        market_id=market_id,
        seq=body.seq,
        digest=body.digest(),
        details=MarketDetails(
            name=body.name,
            kind=MarketKind(body.kind),
            test=body.test,
            administrator=body.administrator,
        ),
        mode=ModeChange(PaymentMode(body.payment_mode), body.payment_mode_from),
    )


def validation(body: bodies.Distribution) -> tuple[Validation, tuple[str, ...]]:
    """A validation and the warnings about it; refuses amounts and totals that do not add up."""
    baskets = [_basket(basket) for basket in body.baskets]
    if sum(len(basket.lines) for basket in baskets) > MAXIMUM_LINES:
        raise TooManyLines(f"A distribution has {MAXIMUM_LINES} lines at most.")
    domain.check_control(domain.Control(**vars(body.control)), baskets)
    warnings = (*domain.checked_amounts(baskets), *domain.repeated_lines(baskets))
    told = Validation(
        validation_no=body.validation_no,
        digest=body.digest(),
        validated_at=body.validated_at,
        validated_by=body.validated_by,
        market_id=body.market_id,
        day=body.day,
        stated_mode=PaymentMode(body.payment_mode) if body.payment_mode else None,
        cash_matches=domain.paid(baskets) == domain.owed(baskets),
        parts=domain.parts(baskets),
    )
    return told, warnings


def _basket(basket: bodies.Basket) -> domain.Basket:
    lines = [
        domain.Line(
            line_id=line.line_id,
            producer_id=line.producer_id,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount_cents=line.amount_cents,
            market_fee_cents=line.market_fee_cents,
            vat_rate_bp=line.vat_rate_bp,
        )
        for line in basket.lines
    ]
    return domain.Basket(lines, [payment.amount_cents for payment in basket.payments])
