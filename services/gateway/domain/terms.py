"""What a sale is billed at, as billing told it: formulas, tariffs, and where fees will stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.gateway.domain.market import PaymentMode
from shared.kernel.calendar import (
    Month,
    first_open_monday,
    monday_after,
    month_of,
    next_month,
    paris_day,
)
from shared.kernel.errors import Refusal
from shared.kernel.money import share
from shared.kernel.spans import Days, span_on


class NothingHeard(Refusal):
    """Billing has not been heard yet."""

    name = "nothing-heard"


class Formula(StrEnum):
    """The two formulas of the offer."""

    FLEXIBLE = "FLEXIBLE"
    ENGAGEE = "ENGAGEE"


@dataclass(frozen=True)
class Span(Days):
    """Days on which a producer is ENGAGEE, and the training that gives them."""

    reason: str
    session_id: str


@dataclass(frozen=True)
class Tariff:
    """One version of the tariff, as billing told it; rates in basis points."""

    version: int
    from_on: date
    flexible_bp: int
    engagee_bp: int
    payment_bp: int
    vat_bp: int

    def service_bp(self, formula: Formula) -> int:
        """The rate of the service fee."""
        return self.engagee_bp if formula is Formula.ENGAGEE else self.flexible_bp


class Closings(NamedTuple):
    """The last Monday settled and the last month closed, as far as billing was heard."""

    settled_until: date = date.min
    closed_until: Month = month_of(date.min)


@dataclass(frozen=True)
class Estimate:
    """What billing is expected to charge: amounts in cents excl. VAT, the VAT for information."""

    formula: Formula
    tariff_version: int
    service_bp: int
    payment_bp: int
    service_fee_cents: int
    payment_fee_cents: int
    vat_cents: int


def tariff_on(tariffs: Iterable[Tariff], day: date) -> Tariff:
    """The version in force on a day; the first one also before it began. Raises NothingHeard."""
    found = None
    for tariff in sorted(tariffs, key=lambda t: t.version):
        if found is None or tariff.from_on <= day:
            found = tariff
    if found is None:
        raise NothingHeard("Billing has told no tariff yet: try again once it is up.")
    return found


def formula_on(spans: Iterable[Span], day: date) -> Formula:
    """ENGAGEE if a span covers the day, otherwise FLEXIBLE."""
    return Formula.ENGAGEE if span_on(spans, day) else Formula.FLEXIBLE


def estimate(
    sales_cents: int,
    mode: PaymentMode,
    day: date,
    *,
    spans: Sequence[Span],
    tariffs: Sequence[Tariff],
) -> Estimate:
    """What a day's sales, in cents incl. VAT, would be charged under what is known now."""
    formula, tariff = formula_on(spans, day), tariff_on(tariffs, day)
    service_bp = tariff.service_bp(formula)
    payment_bp = tariff.payment_bp if mode is PaymentMode.ONLINE else 0
    service, payment = share(sales_cents, service_bp), share(sales_cents, payment_bp)
    return Estimate(
        formula=formula,
        tariff_version=tariff.version,
        service_bp=service_bp,
        payment_bp=payment_bp,
        service_fee_cents=service,
        payment_fee_cents=payment,
        vat_cents=share(service + payment, tariff.vat_bp),
    )


def home(
    mode: PaymentMode, first_validated_at: datetime, closings: Closings
) -> tuple[date | None, Month]:
    """Where fees belong: the Monday of the transfer, if any, and the month (contract §5.4–5)."""
    day = paris_day(first_validated_at)
    if mode is PaymentMode.ON_SITE:
        return None, max(month_of(day), next_month(closings.closed_until))
    monday = max(monday_after(day), first_open_monday(*closings))
    return monday, month_of(monday)
