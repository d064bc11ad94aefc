"""What the gateway tells: producers, markets and what was sold."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.facts.base import (
    BasisPoints,
    Cents,
    Day,
    Fact,
    Id,
    Instant,
    Part,
    PaymentMode,
    SealedPerson,
)


class GatewayFact(Fact):
    """Told by the gateway."""

    speaker: ClassVar[str] = "gateway"


class ProducerEnrolled(GatewayFact):
    """A producer was told for the first time."""

    producer_id: Id
    party_id: Annotated[Id, Field(description="The producer invoiced in its place, or itself.")]
    joined_on: Day
    country: Literal["FR"]
    vat_regime: Literal["NORMAL", "FRANCHISE", "FLAT_RATE"] | None
    pedagogic: bool
    disabled: bool
    info_missing: Annotated[
        tuple[str, ...], Field(description="What an invoice needs but was not told.")
    ]
    person: SealedPerson


class ProducerChanged(ProducerEnrolled):
    """What is known of a producer changed; the whole is told again."""


class MarketFact(GatewayFact):
    """About a market, ordered by market."""

    key_field: ClassVar[str] = "market_id"

    market_id: Id


class MarketOpened(MarketFact):
    """A market was told for the first time."""

    name: str
    kind: Literal["MARKET", "AMAP"]
    test: bool
    administrator: str | None


class MarketChanged(MarketOpened):
    """What is known of a market changed; the whole is told again."""


class MarketPaymentModeChanged(MarketFact):
    """From a day on, a market is paid online, or on site."""

    payment_mode: PaymentMode
    from_on: Day


class VatShare(Part):
    """Sales incl. VAT at one VAT rate."""

    vat_rate_bp: BasisPoints
    amount_cents: Cents


class SalesValidated(GatewayFact):
    """What one producer sold at one distribution, as it stands now.

    Sales taken back, cancelled or excluded are told as zero.
    """

    distribution_id: Id
    market_id: Id
    market_name: str
    producer_id: Id
    day: Day
    first_validated_at: Instant
    validated_at: Instant
    validation_no: Annotated[int, Field(ge=1)]
    payment_mode: PaymentMode
    sales_cents: Annotated[Cents, Field(ge=0)]
    sales_by_vat: tuple[VatShare, ...]
    baskets: Annotated[int, Field(ge=0)]
    lines: Annotated[int, Field(ge=0)]
    held: Annotated[str | None, Field(description="Why nothing is billed yet, e.g. cash_mismatch.")]
