"""The bodies that the marketplace sends about producers, markets and distributions."""

from typing import Annotated, Literal

from pydantic import Field

from shared.asks.base import (
    Actor,
    BasisPoints,
    Body,
    Cents,
    Count,
    Day,
    DecimalString,
    Flag,
    Id,
    Instant,
    Number,
    SignedCents,
    Text,
)

PaymentMode = Literal["ONLINE", "ON_SITE"]
OptionalText = Text | None


class Address(Body):
    """A postal address."""

    street: OptionalText = None
    postcode: Annotated[str, Field(max_length=20)] | None = None
    city: OptionalText = None


class Producer(Body):
    """A producer, created or edited."""

    seq: Number
    name: Text
    joined_on: Day
    company_number: Annotated[str, Field(pattern=r"^[0-9]{9}([0-9]{5})?$")] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "FR"
    legal_form: Annotated[str, Field(max_length=80)] | None = None
    vat_number: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{2,13}$")] | None = None
    vat_regime: Literal["NORMAL", "FRANCHISE", "FLAT_RATE"] | None = None
    billing_email: Annotated[str, Field(max_length=200)] | None = None
    address: Address | None = None
    billing_party_id: Id | None = None
    pedagogic: Flag = False
    disabled: Flag = False


class Market(Body):
    """A market, created or with its options saved."""

    seq: Number
    name: Text
    kind: Literal["MARKET", "AMAP"] = "MARKET"
    test: Flag = False
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    payment_mode: PaymentMode
    payment_mode_from: Day
    administrator: Actor | None = None


class Payment(Body):
    """A payment of a basket; a refund is negative."""

    payment_id: Id
    type: Text
    amount_cents: SignedCents
    remote_id: OptionalText = None


class Line(Body):
    """A line of a basket; the amount is the producer's price incl. VAT."""

    line_id: Id
    producer_id: Id
    product_id: Id
    label: Annotated[str, Field(max_length=200)]
    quantity: DecimalString
    unit_price: DecimalString
    amount_cents: Cents
    market_fee_cents: Cents = 0
    vat_rate_bp: BasisPoints
    weighed: Flag = False


class Basket(Body):
    """A basket: an id and a rank, never a consumer's name."""

    basket_id: Id
    num: Count
    payments: tuple[Payment, ...] = ()
    lines: tuple[Line, ...]


class Control(Body):
    """The sender's own totals for what it sends."""

    baskets: Count
    lines: Count
    amount_cents: Cents
    payments_cents: SignedCents


class Distribution(Body):
    """A distribution, validated, validated again, or cancelled (no lines)."""

    validation_no: Number
    validated_at: Instant
    validated_by: Actor | None = None
    market_id: Id
    day: Day
    payment_mode: PaymentMode | None = None
    control: Control
    baskets: tuple[Basket, ...]


class Unvalidation(Body):
    """A distribution un-validated by an administrator."""

    validation_no: Number
    at: Instant
    reason: OptionalText = None
