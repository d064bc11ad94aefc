"""What a distribution sold, as it is told: baskets, lines, payments and control totals."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.kernel.errors import Flaw, Refusal
from shared.kernel.money import extended


class AmountsDiffer(Refusal):
    """Lines whose amount is not quantity × unit price."""

    name = "amounts-differ"


class ControlDiffers(Refusal):
    """The control totals do not match what was sent: half a distribution is never billed."""

    name = "control-differs"


@dataclass(frozen=True)
class Line:
    """One line of a basket; amounts in cents incl. VAT."""

    line_id: str
    producer_id: str
    quantity: Decimal
    unit_price: Decimal
    amount_cents: int
    market_fee_cents: int
    vat_rate_bp: int


@dataclass(frozen=True)
class Basket:
    """A basket: its lines, and what was paid for it (refunds are negative)."""

    lines: Sequence[Line]
    payments_cents: Sequence[int]


@dataclass(frozen=True)
class Control:
    """The sender's own totals for what it sends."""

    baskets: int
    lines: int
    amount_cents: int
    payments_cents: int


@dataclass(frozen=True)
class Part:
    """What one producer sold at a distribution, in cents incl. VAT by VAT rate."""

    sales_by_vat: tuple[tuple[int, int], ...]
    baskets: int
    lines: int

    @property
    def sales_cents(self) -> int:
        """The producer's sales incl. VAT."""
        return sum(amount for _, amount in self.sales_by_vat)


def checked_amounts(baskets: Sequence[Basket]) -> tuple[str, ...]:
    """Recompute every line: one cent off is a warning, more is refused, naming the lines."""
    warnings, flaws = [], []
    for b, basket in enumerate(baskets):
        for n, line in enumerate(basket.lines):
            expected = extended(line.quantity, line.unit_price)
            if line.amount_cents == expected:
                continue
            if abs(line.amount_cents - expected) > 1:
                detail = f"line {line.line_id}: quantity × unit_price is {expected} cents"
                flaws.append(Flaw(f"/baskets/{b}/lines/{n}/amount_cents", detail))
            else:
                warnings.append(f"line {line.line_id} differs by one cent from {expected}")
    if flaws:
        raise AmountsDiffer(f"{len(flaws)} lines are not quantity × unit price.", flaws)
    return tuple(warnings)


def repeated_lines(baskets: Sequence[Basket]) -> tuple[str, ...]:
    """A warning for each line that comes more than once: it is billed as often as it is told."""
    times = Counter(line.line_id for basket in baskets for line in basket.lines)
    return tuple(
        f"line {line_id} comes {count} times, and is billed that often"
        for line_id, count in times.items()
        if count > 1
    )


def check_control(control: Control, baskets: Sequence[Basket]) -> None:
    """Refuse control totals that do not match the baskets."""
    lines = [line for basket in baskets for line in basket.lines]
    found = Control(
        baskets=len(baskets),
        lines=len(lines),
        amount_cents=sum(line.amount_cents for line in lines),
        payments_cents=paid(baskets),
    )
    flaws = [
        Flaw(f"/control/{name}", f"told {told}, found {count}")
        for name, count in vars(found).items()
        if (told := getattr(control, name)) != count
    ]
    if flaws:
        raise ControlDiffers("The control totals do not match what was sent.", flaws)


def paid(baskets: Sequence[Basket]) -> int:
    """What was paid in all, in cents, less refunds."""
    return sum(cents for basket in baskets for cents in basket.payments_cents)


def owed(baskets: Sequence[Basket]) -> int:
    """What the consumers owe in all, in cents: lines and the market's own commission."""
    return sum(n.amount_cents + n.market_fee_cents for basket in baskets for n in basket.lines)


def parts(baskets: Sequence[Basket]) -> dict[str, Part]:
    """What each producer sold, by producer id."""
    by_vat: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    seen: dict[str, set[int]] = defaultdict(set)
    count: dict[str, int] = defaultdict(int)
    for rank, line in _lines(baskets):
        by_vat[line.producer_id][line.vat_rate_bp] += line.amount_cents
        seen[line.producer_id].add(rank)
        count[line.producer_id] += 1
    return {
        producer_id: Part(
            sales_by_vat=tuple(sorted(shares.items())),
            baskets=len(seen[producer_id]),
            lines=count[producer_id],
        )
        for producer_id, shares in sorted(by_vat.items())
    }


def _lines(baskets: Sequence[Basket]) -> Iterator[tuple[int, Line]]:
    for rank, basket in enumerate(baskets):
        for line in basket.lines:
            yield rank, line
