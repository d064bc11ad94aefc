"""What a producer sold at a distribution, what was charged for it, and where that stands."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from operator import attrgetter
from uuid import UUID

from services.billing.domain.books import Books, Homes
from services.billing.domain.spans import Span
from services.billing.domain.tariff import Tariff
from services.billing.domain.words import Channel, FeeKind, Formula, Place
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.ids import stable_id
from shared.kernel.money import share
from shared.kernel.value import Value

SALES = "sale/"

KINDS, CHANNELS = tuple(FeeKind), tuple(Channel)
IN_ORDER = attrgetter("order")


class Sold(Value):
    """A sale as it stands: amounts in cents incl. VAT, zero when nothing stands."""

    market_id: str
    market_name: str
    day: date
    first_validated_at: datetime
    validated_at: datetime
    validation_no: int
    channel: Channel
    sales_cents: int
    held: str | None = None


class Charge(Value):
    """One signed amount charged, in cents excl. VAT, and the place where it stands.

    A correction names the first fee of its (producer, distribution, kind), and the frozen place
    whose amount it corrects, if there is one.
    """

    fee_id: str
    kind: FeeKind
    place: Place
    rate_bp: int
    base_cents: int
    amount_cents: int
    corrects: str | None = None
    corrects_place: Place | None = None


class Taking(Value):
    """A signed amount of online sales, in cents incl. VAT, and the Monday of its transfer."""

    monday: date
    amount_cents: int


class Terms(Value):
    """What a sale is billed at: the formula of its day, the span that gives it, the tariff."""

    tariff: Tariff
    span: Span | None = None

    @property
    def formula(self) -> Formula:
        """ENGAGEE if a span covers the day, otherwise FLEXIBLE."""
        return Formula.ENGAGEE if self.span else Formula.FLEXIBLE


class Sale(Aggregate):
    """One producer at one distribution.

    Its fees always add up to what is due for what stands (§5.2): a change charges the difference
    in an open place. What stands in an open place moves with the sale's home; what is frozen never
    moves (§5.5).
    """

    TOPIC = "billing.sale"

    class Opened(Created):
        """A producer's sales at a distribution were heard of for the first time."""

        TOPIC = "billing.sale.opened"
        producer_id: str
        distribution_id: str

        def tags(self) -> tuple[str, ...]:
            """Found by producer."""
            return (f"{SALES}{self.producer_id}/",)

    class Rated(Aggregate.Event):
        """What stands, what it is billed at, and what that charged and moved."""

        TOPIC = "billing.sale.rated"
        producer_id: str
        distribution_id: str
        sold: Sold
        formula: Formula
        span: Span | None
        tariff_version: int
        party_id: str | None
        charges: tuple[Charge, ...]
        takings: tuple[Taking, ...]

    @event(Opened)
    def __init__(self, producer_id: str, distribution_id: str) -> None:
        self.producer_id = producer_id
        self.distribution_id = distribution_id
        self.sold: Sold | None = None
        self.formula = Formula.FLEXIBLE
        self.tariff_version = 0
        self.party_id: str | None = None
        self.fees: dict[FeeKind, dict[Place, int]] = {kind: {} for kind in KINDS}
        self.first: dict[FeeKind, Charge] = {}
        self.charged: dict[FeeKind, int] = dict.fromkeys(KINDS, 0)
        self.taken: dict[Place, int] = {}

    @staticmethod
    def create_id(producer_id: str, distribution_id: str) -> UUID:
        """One sale per producer and distribution."""
        return stable_id("billing/sale", producer_id, distribution_id)

    def rate(self, sold: Sold, terms: Terms, books: Books, party_id: str) -> "Rating | None":
        """Bill what stands now on its terms; None if that changes nothing.

        `party_id` is invoiced if this charges the sale's first fee (§5.6).
        """
        homes = books.homes(sold.first_validated_at)
        charges = tuple(
            charge for kind in KINDS for charge in self._charges(kind, sold, terms, books, homes)
        )
        due = {Channel.ONLINE: sold.sales_cents} if sold.channel is Channel.ONLINE else {}
        takings = tuple(
            Taking(place.monday, amount)
            for place, amount in differences(self.taken, due, homes, books)
            if place.monday
        )
        version = terms.tariff.version
        before = (self.sold, self.formula, self.tariff_version)
        if not charges and not takings and (sold, terms.formula, version) == before:
            return None
        party = self.party_id or (party_id if charges else None)
        self._rated(
            producer_id=self.producer_id,
            distribution_id=self.distribution_id,
            sold=sold,
            formula=terms.formula,
            span=terms.span,
            tariff_version=version,
            party_id=party,
            charges=charges,
            takings=takings,
        )
        return Rating(charges, takings)

    def _charges(
        self, kind: FeeKind, sold: Sold, terms: Terms, books: Books, homes: Homes
    ) -> Iterator[Charge]:
        rate_bp = terms.tariff.rate(kind, terms.formula)
        due = {sold.channel: share(sold.sales_cents, rate_bp)}
        if kind is FeeKind.PAYMENT and sold.channel is Channel.ON_SITE:
            due = {}
        first = self.first.get(kind)
        frozen = {p: n for p, n in self.fees[kind].items() if n and not books.is_open(p)}
        count = self.charged[kind]
        home = homes[sold.channel]
        for place, amount in differences(self.fees[kind], due, homes, books):
            count += 1
            charge = Charge(
                fee_id=f"{self.producer_id}:{self.distribution_id}:{kind}:{count}",
                kind=kind,
                place=place,
                rate_bp=rate_bp,
                base_cents=sold.sales_cents if place == home else 0,
                amount_cents=amount,
                corrects=first.fee_id if first else None,
                corrects_place=invoiced(frozen, place.channel),
            )
            first = first or charge
            yield charge

    @event(Rated)
    def _rated(
        self,
        producer_id: str,
        distribution_id: str,
        sold: Sold,
        formula: Formula,
        span: Span | None,
        tariff_version: int,
        party_id: str | None,
        charges: tuple[Charge, ...],
        takings: tuple[Taking, ...],
    ) -> None:
        self.sold = sold
        self.formula = formula
        self.tariff_version = tariff_version
        self.party_id = party_id
        for charge in charges:
            fees = self.fees[charge.kind]
            fees[charge.place] = fees.get(charge.place, 0) + charge.amount_cents
            self.first.setdefault(charge.kind, charge)
            self.charged[charge.kind] += 1
        for taking in takings:
            place = Place.at_source(taking.monday)
            self.taken[place] = self.taken.get(place, 0) + taking.amount_cents


class Rating(Value):
    """What rating a sale changed: charges for its party's statements, takings for transfers."""

    charges: tuple[Charge, ...]
    takings: tuple[Taking, ...]


def invoiced(frozen: Mapping[Place, int], channel: Channel) -> Place | None:
    """The place where the corrected amount was invoiced: where most stands, same channel first.

    So a second correction names the invoice, not the credit note of the first.
    """
    return max(frozen, key=lambda p: (p.channel is channel, frozen[p], p.order), default=None)


def differences(
    standing: Mapping[Place, int], due: Mapping[Channel, int], homes: Homes, books: Books
) -> Iterator[tuple[Place, int]]:
    """What to add in which place, so that each channel adds up to what is due in it.

    In each channel, all that is not frozen moves to one place: the home of the sale, or the first
    open place after it.
    """
    touched = {*due, *(place.channel for place in standing)}
    for channel in (channel for channel in CHANNELS if channel in touched):
        home, wanted = homes[channel], due.get(channel, 0)
        movable = {home: 0}
        for place, amount in standing.items():
            if place.channel is not channel:
                continue
            if books.is_open(place):
                movable[place] = amount
            else:
                wanted -= amount
        for place in sorted(movable, key=IN_ORDER):
            difference = (wanted if place == home else 0) - movable[place]
            if difference:
                yield place, difference
