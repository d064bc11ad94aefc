"""A statement: what one party owes for one month and channel, line by line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from services.billing.domain.books import StatementKey
from services.billing.domain.sale import Charge, Sale
from services.billing.domain.words import Channel, FeeKind, Formula, Place
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.calendar import Month
from shared.kernel.ids import stable_id
from shared.kernel.money import BASIS_POINTS, half_up, share
from shared.kernel.value import Value

MONTHS = "month/"
MONDAYS = "monday/"


class Line(Value):
    """One charge as its statement holds it; amounts in cents excl. VAT."""

    fee_id: str
    producer_id: str
    distribution_id: str
    market_name: str
    kind: FeeKind
    day: date
    monday: date | None
    formula: Formula
    rate_bp: int
    base_cents: int
    amount_cents: int
    corrects: str | None = None
    corrects_place: Place | None = None

    @property
    def subject(self) -> tuple[str, str, FeeKind]:
        """What it is charged for: producer, distribution and kind."""
        return self.producer_id, self.distribution_id, self.kind


class Totals(Value):
    """Net, VAT (half-up once, on the net) and gross, in cents."""

    net_cents: int
    vat_cents: int
    gross_cents: int

    @classmethod
    def of(cls, net_cents: int, vat_bp: int) -> "Totals":
        """The totals of a net amount."""
        vat_cents = share(net_cents, vat_bp)
        return cls(net_cents, vat_cents, net_cents + vat_cents)


class Statement(Aggregate):
    """One per billing party, month and channel; once closed, it takes nothing more."""

    TOPIC = "billing.statement"

    class Opened(Created):
        """Something was charged to a party in a month and channel for the first time."""

        TOPIC = "billing.statement.opened"
        party_id: str
        month: Month
        channel: Channel

        def tags(self) -> tuple[str, ...]:
            """Found by month."""
            return (f"{MONTHS}{self.month}/",)

    class FeeCharged(Aggregate.Event):
        """A fee or a correction was charged."""

        TOPIC = "billing.statement.fee-charged"
        party_id: str
        month: Month
        channel: Channel
        line: Line

        def tags(self) -> tuple[str, ...]:
            """Found by the Monday on which it is withheld, if any."""
            return (f"{MONDAYS}{self.line.monday}/",) if self.line.monday else ()

    class Withheld(Aggregate.Event):
        """A Monday's fees incl. VAT were withheld; `shares` says how much from each producer."""

        TOPIC = "billing.statement.withheld"
        monday: date
        withheld_cents: int
        shares: dict[str, int]

    class Closed(Aggregate.Event):
        """The statement was closed on a day."""

        TOPIC = "billing.statement.closed"
        party_id: str
        month: Month
        channel: Channel
        totals: Totals
        closed_on: date

    class Documented(Aggregate.Event):
        """A document was issued for it."""

        TOPIC = "billing.statement.documented"
        number: str

    @event(Opened)
    def __init__(self, party_id: str, month: Month, channel: Channel) -> None:
        self.party_id = party_id
        self.month = month
        self.channel = channel
        self.lines: list[Line] = []
        self.withheld_cents = 0
        self.totals: Totals | None = None
        self.number: str | None = None

    @staticmethod
    def create_id(party_id: str, month: Month, channel: Channel) -> UUID:
        """One statement per party, month and channel."""
        return stable_id("billing/statement", party_id, month, channel)

    @property
    def key(self) -> "StatementKey":
        """Its key: month, party and channel."""
        return StatementKey(self.month, self.party_id, self.channel)

    @property
    def needs_document(self) -> bool:
        """Whether it closed at a net other than 0 and has no document yet."""
        return bool(self.totals and self.totals.net_cents and self.number is None)

    def charge(self, charge: Charge, sale: Sale) -> None:
        """Add a charge as a line."""
        sold = sale.sold
        if sold is None or self.totals:
            raise AssertionError(f"{charge} cannot be charged to {self.id}")
        line = Line(
            fee_id=charge.fee_id,
            producer_id=sale.producer_id,
            distribution_id=sale.distribution_id,
            market_name=sold.market_name,
            kind=charge.kind,
            day=sold.day,
            monday=charge.place.monday,
            formula=sale.formula,
            rate_bp=charge.rate_bp,
            base_cents=charge.base_cents,
            amount_cents=charge.amount_cents,
            corrects=charge.corrects,
            corrects_place=charge.corrects_place,
        )
        self._fee_charged(self.party_id, self.month, self.channel, line)

    def stands_on(self, monday: date) -> bool:
        """Whether any amount stands on a Monday."""
        return _stands(line for line in self.lines if line.monday == monday)

    def stands(self) -> bool:
        """Whether any amount stands in it at all."""
        return _stands(self.lines)

    def concerns(self, producer_id: str, monday: date | None = None) -> bool:
        """Whether an amount of a producer stands in it, or any amount if they are the party.

        With a `monday`, only what is withheld on that day counts.
        """
        his = (n for n in self.lines if producer_id in (self.party_id, n.producer_id))
        return _stands(n for n in his if monday in (None, n.monday))

    def nets_of(self, monday: date) -> Mapping[str, int]:
        """Net fees of a Monday by producer."""
        nets: dict[str, int] = defaultdict(int)
        for line in self.lines:
            if line.monday == monday:
                nets[line.producer_id] += line.amount_cents
        return nets

    def withhold(self, monday: date, vat_bp: int) -> Mapping[str, int]:
        """Withhold a Monday's fees incl. VAT; returns how much from each producer (§5.7).

        Cumulative, so that a month's withholdings equal its document to the cent.
        """
        until = sum(n.amount_cents for n in self.lines if n.monday and n.monday <= monday)
        due = Totals.of(until, vat_bp).gross_cents - self.withheld_cents
        shares = split(due, self.nets_of(monday), vat_bp)
        if any(shares.values()):
            self._withheld(monday, due, shares)
        return shares

    def close(self, vat_bp: int, closed_on: date) -> Totals:
        """Close it and return its totals."""
        totals = Totals.of(sum(line.amount_cents for line in self.lines), vat_bp)
        self._closed(self.party_id, self.month, self.channel, totals, closed_on)
        return totals

    def document(self, number: str) -> None:
        """Remember the number of its document."""
        self._documented(number)

    @event(FeeCharged)
    def _fee_charged(self, party_id: str, month: Month, channel: Channel, line: Line) -> None:
        self.lines.append(line)

    @event(Withheld)
    def _withheld(self, monday: date, withheld_cents: int, shares: dict[str, int]) -> None:
        self.withheld_cents += withheld_cents

    @event(Closed)
    def _closed(
        self, party_id: str, month: Month, channel: Channel, totals: Totals, closed_on: date
    ) -> None:
        self.totals = totals

    @event(Documented)
    def _documented(self, number: str) -> None:
        self.number = number


def split(due: int, nets: Mapping[str, int], vat_bp: int) -> dict[str, int]:
    """Split an amount incl. VAT by producer: each share half-up, the odd cents to the largest.

    The largest is the producer with the largest absolute net; among equals, the smallest id.
    """
    shares = {
        producer_id: half_up(net * (BASIS_POINTS + vat_bp), BASIS_POINTS)
        for producer_id, net in sorted(nets.items())
    }
    if shares:
        largest = min(nets, key=lambda producer_id: (-abs(nets[producer_id]), producer_id))
        shares[largest] += due - sum(shares.values())
    return shares


def _stands(lines: Iterable[Line]) -> bool:
    sums: dict[tuple[str, str, FeeKind], int] = defaultdict(int)
    for line in lines:
        sums[line.subject] += line.amount_cents
    return any(sums.values())
