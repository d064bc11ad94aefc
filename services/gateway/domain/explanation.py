"""Why a fee has its amount, step by step, from what billing told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.gateway.domain.terms import Formula, Span
from shared.kernel.errors import Refusal
from shared.kernel.money import share


class NotExplained(Refusal):
    """The arithmetic does not arrive at the fee: something is missing from what was heard."""

    name = "not-explained"


@dataclass(frozen=True)
class Fee:
    """A fee as billing charged it; amounts in cents, signed."""

    position: int
    fee_id: str
    kind: str
    channel: str
    month: str
    monday: date | None
    rate_bp: int
    amount_cents: int

    @property
    def place(self) -> tuple[str, str, date | None]:
        """Where it stands."""
        return self.channel, self.month, self.monday


@dataclass(frozen=True)
class Rating:
    """What a sale was billed at from some moment on."""

    position: int
    validation_no: int
    first_validated_at: datetime
    channel: str
    sales_cents: int
    formula: Formula
    span: Span | None
    tariff_version: int
    held: str | None
    cause: str


class StepName(StrEnum):
    """The steps of the arithmetic, in order."""

    DUE = "DUE"
    STANDING_ELSEWHERE = "STANDING_ELSEWHERE"
    STANDING_HERE = "STANDING_HERE"
    CHARGED = "CHARGED"


@dataclass(frozen=True)
class Step:
    """One step: what it gives in cents, and the fees it adds up."""

    name: StepName
    cents: int
    fees: tuple[Fee, ...] = ()


@dataclass(frozen=True)
class Change:
    """What differs between two ratings of a sale."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Explanation:
    """A fee, the rating it follows from, the arithmetic, and what changed since the last rating."""

    fee: Fee
    rating: Rating
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]


def explained(fee: Fee, fees: Sequence[Fee], ratings: Sequence[Rating]) -> Explanation:
    """Explain a fee among all fees of its producer, distribution and kind.

    A fee is what is due in its channel, less what stands elsewhere in it once its rating is
    done, less what stood at its own place before. Raises NotExplained if that is not so.
    """
    before = [r for r in ratings if r.position < fee.position]
    if not before:
        raise NotExplained(f"The rating behind fee {fee.fee_id} was not heard.")
    rating = before[-1]
    end = min((r.position for r in ratings if r.position > fee.position), default=None)
    known = [f for f in fees if f.channel == fee.channel and (end is None or f.position < end)]
    elsewhere = tuple(f for f in known if f.place != fee.place)
    here = tuple(f for f in known if f.place == fee.place and f.position < fee.position)
    due = _due(fee, rating)
    charged = due - _sum(elsewhere) - _sum(here)
    if charged != fee.amount_cents:
        raise NotExplained(f"Fee {fee.fee_id} is {fee.amount_cents} cents, not {charged}.")
    steps = (
        Step(StepName.DUE, due),
        Step(StepName.STANDING_ELSEWHERE, _sum(elsewhere), elsewhere),
        Step(StepName.STANDING_HERE, _sum(here), here),
        Step(StepName.CHARGED, charged),
    )
    changes = tuple(_changes(before[-2], rating)) if len(before) > 1 else ()
    return Explanation(fee, rating, steps, changes)


def _due(fee: Fee, rating: Rating) -> int:
    return share(rating.sales_cents, fee.rate_bp) if rating.channel == fee.channel else 0


def _sum(fees: Sequence[Fee]) -> int:
    return sum(fee.amount_cents for fee in fees)


def _changes(before: Rating, after: Rating) -> list[Change]:
    names = (
        "validation_no",
        "sales_cents",
        "channel",
        "formula",
        "tariff_version",
        "first_validated_at",
        "held",
    )
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return [Change(name, str(old), str(new)) for name, old, new in pairs if old != new]
