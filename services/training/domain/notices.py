"""What training is told of sessions and of the producers in them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from shared.kernel.errors import Flaw, Refusal
from shared.kernel.french import euros

MAXIMUM_PRICE_CENTS = 85_000
"""850 €, the most that a training may cost (presentation of March 2024)."""


class PriceTooHigh(Refusal):
    """A training costs 850 € at most."""

    name = "price-too-high"


class EndsBeforeStart(Refusal):
    """A session that ends before it starts."""

    name = "ends-before-start"


class FundingsDiffer(Refusal):
    """Funding shares that do not add up to the price."""

    name = "fundings-differ"


class TrainingKind(StrEnum):
    """The two kinds of training."""

    INTEGRATION = "INTEGRATION"
    UPDATE = "UPDATE"


class ContractKind(StrEnum):
    """The two kinds of training contract."""

    CONVENTION = "CONVENTION"
    CONTRAT = "CONTRAT"


@dataclass(frozen=True)
class Plan:
    """A session as planned; the price in cents, no VAT on trainings."""

    seq: int
    digest: str
    kind: TrainingKind
    title: str
    starts_on: date
    ends_on: date
    price_cents: int
    hours: int
    mode: str

    def check(self) -> None:
        """Refuse a price above the maximum, and days in the wrong order."""
        if self.price_cents > MAXIMUM_PRICE_CENTS:
            raise PriceTooHigh(
                f"A training costs {euros(MAXIMUM_PRICE_CENTS)} at most.",
                [Flaw("/price_cents", f"at most {MAXIMUM_PRICE_CENTS}")],
            )
        if self.ends_on < self.starts_on:
            raise EndsBeforeStart(
                "The session ends before it starts.", [Flaw("/ends_on", "before starts_on")]
            )


SELF = "SELF"
"""The fund that stands for the producer's own money."""


@dataclass(frozen=True)
class FundingShare:
    """Who pays a share of the price: VIVEA, another fund, or SELF."""

    fund: str
    amount_cents: int
    agreement_no: str | None

    @property
    def payer(self) -> str:
        """The fund under one name, however it was written: ` Vivea` is VIVEA."""
        return " ".join(self.fund.split()).upper()


@dataclass(frozen=True)
class EnrolmentNotice:
    """A producer's participant in a session; the shares add up to the price."""

    seq: int
    digest: str
    participant: str
    enrolled_on: date
    contract: ContractKind
    fundings: tuple[FundingShare, ...]

    @property
    def total_cents(self) -> int:
        """The sum of the shares."""
        return sum(share.amount_cents for share in self.fundings)

    def check(self, price_cents: int) -> None:
        """Refuse shares that do not add up to the price."""
        total = self.total_cents
        if total != price_cents:
            raise FundingsDiffer(
                f"The fundings make {euros(total)}, the price is {euros(price_cents)}.",
                [Flaw("/fundings", f"they add up to {total}, not to {price_cents}")],
            )


@dataclass(frozen=True)
class CompletionNotice:
    """A training was completed on a day."""

    seq: int
    digest: str
    completed_on: date
    attended_hours: Decimal | None


@dataclass(frozen=True)
class CancellationNotice:
    """A training was abandoned on a day."""

    seq: int
    digest: str
    cancelled_on: date


AttendeeNotice = EnrolmentNotice | CompletionNotice | CancellationNotice


def awaited(session_id: str, producer_id: str, *, planned: bool, enrolment_told: bool) -> str:
    """What a held notice about a producer in a session waits for."""
    if not planned:
        return f"training-session:{session_id}"
    if not enrolment_told:
        return f"enrolment:{session_id}/{producer_id}"
    return f"fundings-that-add-up:{session_id}/{producer_id}"
