"""What billing tells: tariffs, formulas, fees, documents and transfers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.facts.base import (
    BasisPoints,
    Cents,
    Day,
    Fact,
    Formula,
    Id,
    Instant,
    Month,
    Part,
    PaymentMode,
)


class BillingFact(Fact):
    """Told by billing."""

    speaker: ClassVar[str] = "billing"


class TariffChanged(BillingFact):
    """A version of the tariff was published, in force from a day on."""

    key_field: ClassVar[str] = "tariff"

    tariff: Literal["tariff"] = "tariff"
    version: Annotated[int, Field(ge=1)]
    from_on: Day
    flexible_bp: BasisPoints
    engagee_bp: BasisPoints
    payment_bp: BasisPoints
    vat_bp: BasisPoints


class FormulaSpan(Part):
    """Days, both ends included, on which a formula other than FLEXIBLE is in force, and why."""

    formula: Formula
    from_on: Day
    until_on: Day
    reason: Literal["INTEGRATION_ENROLMENT", "COMPLETED_TRAINING", "SWITCH"]
    session_id: Id


class FormulaChanged(BillingFact):
    """The days on which a producer is ENGAGEE changed; all others are FLEXIBLE."""

    producer_id: Id
    spans: tuple[FormulaSpan, ...]


class SaleRated(BillingFact):
    """The terms a sale is billed at, as they stand now; told before the fees that follow.

    `span` makes the producer ENGAGEE on that day. `cause` is the `speaker:position` of the fact, or
    `ask:id` of the ask, that led to it.
    """

    producer_id: Id
    distribution_id: Id
    market_id: Id
    market_name: str
    day: Day
    first_validated_at: Instant
    validated_at: Instant
    validation_no: Annotated[int, Field(ge=1)]
    channel: PaymentMode
    sales_cents: Annotated[Cents, Field(ge=0)]
    held: Annotated[str | None, Field(description="Why nothing is billed yet, e.g. cash_mismatch.")]
    formula: Formula
    span: FormulaSpan | None
    tariff_version: Annotated[int, Field(ge=1)]
    cause: str


class FeeCharged(BillingFact):
    """A fee excl. VAT, signed; a correction is a fee too."""

    fee_id: str
    producer_id: Id
    party_id: Id
    distribution_id: Id
    kind: Literal["SERVICE", "PAYMENT"]
    day: Day
    month: Month
    monday: Day | None
    channel: PaymentMode
    formula: Formula
    rate_bp: BasisPoints
    base_cents: Cents
    amount_cents: Cents
    corrects: Annotated[str | None, Field(description="The first fee_id of what it corrects.")]


class StatementFact(BillingFact):
    """About what one party owes for one month and channel."""

    key_field: ClassVar[str] = "party_id"

    party_id: Id
    month: Month
    channel: PaymentMode
    net_cents: Cents
    vat_cents: Cents
    gross_cents: Cents


class StatementClosed(StatementFact):
    """A statement was closed and takes nothing more."""


class DocumentFact(StatementFact):
    """About a legal document; it never changes once issued."""

    number: str
    issued_on: Day
    due_on: Day
    paid_cents: Cents
    corrects: Annotated[tuple[str, ...], Field(description="Numbers of the invoices corrected.")]


class InvoiceIssued(DocumentFact):
    """An invoice was issued."""


class CreditNoteIssued(DocumentFact):
    """A credit note was issued; its amounts are negative."""


class DistributionShare(Part):
    """What one distribution, or a correction of it, brought to a transfer, in cents incl. VAT."""

    distribution_id: Id
    sales_cents: Cents


class SettlementFact(BillingFact):
    """A producer's Monday was settled: net = sales + carried in − withheld."""

    producer_id: Id
    monday: Day
    sales_cents: Cents
    withheld_cents: Cents
    carried_cents: Cents
    net_cents: Cents
    distributions: Annotated[
        tuple[DistributionShare, ...] | None, Field(description="What makes up the sales.")
    ] = None


class TransferAsked(SettlementFact):
    """A producer's money of one Monday, net of fees, is to be sent."""

    transfer_id: str


class TransferCarried(SettlementFact):
    """Nothing is to be sent: a net below zero is carried to the producer's next settlement."""
