"""The tariff and its conditions: dated data, published in versions, never edited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.billing.domain.spans import Conditions, Span, Training, spans_under
from services.billing.domain.words import FeeKind, Formula
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.calendar import eve
from shared.kernel.errors import Refusal
from shared.kernel.ids import stable_id
from shared.kernel.spans import clipped


class NoTariff(Refusal):
    """No tariff is in force on a day."""

    name = "no-tariff"


class TariffRewritten(Refusal):
    """A new version would change days that were billed under another."""

    name = "tariff-rewritten"


@dataclass(frozen=True)
class Rates:
    """Rates in basis points: service fee by formula, payment fee, VAT on both."""

    flexible_bp: int
    engagee_bp: int
    payment_bp: int
    vat_bp: int


@dataclass(frozen=True)
class Paper:
    """What documents say besides their amounts: who issues them, and the legal mentions."""

    due_days: int
    seller: tuple[str, ...]
    mentions: tuple[str, ...]


@dataclass(frozen=True)
class Tariff:
    """One version of the offer, in force from a day on."""

    from_on: date
    rates: Rates
    conditions: Conditions
    paper: Paper
    version: int = 0

    def rate(self, kind: FeeKind, formula: Formula) -> int:
        """The rate of a fee in basis points of the sales incl. VAT."""
        if kind is FeeKind.PAYMENT:
            return self.rates.payment_bp
        return self.rates.engagee_bp if formula is Formula.ENGAGEE else self.rates.flexible_bp


class TariffBook(Aggregate):
    """Every version ever published; the latest one in force on a day counts."""

    TOPIC = "billing.tariff"

    class Opened(Created):
        """The book was opened, empty."""

        TOPIC = "billing.tariff.opened"

    class Published(Aggregate.Event):
        """A version was published."""

        TOPIC = "billing.tariff.published"
        tariff: Tariff

    @event(Opened)
    def __init__(self) -> None:
        self.versions: list[Tariff] = []

    @staticmethod
    def create_id() -> UUID:
        """There is one tariff book."""
        return stable_id("billing/tariff")

    def publish(self, tariff: Tariff) -> bool:
        """Publish a version; returns whether it is new.

        One that begins on the same day as the latest takes its place. Raises TariffRewritten for
        one that begins earlier: it would bill days of other versions.
        """
        latest = self.versions[-1] if self.versions else None
        numbered = Tariff(
            version=latest.version if latest else 1,
            from_on=tariff.from_on,
            rates=tariff.rates,
            conditions=tariff.conditions,
            paper=tariff.paper,
        )
        if numbered == latest:
            return False
        if latest and tariff.from_on < latest.from_on:
            raise TariffRewritten(
                f"Version {latest.version} is in force from {latest.from_on} on: "
                "a new version must begin then or later."
            )
        self._published(Tariff(**{**vars(numbered), "version": len(self.versions) + 1}))
        return True

    def on(self, day: date) -> Tariff:
        """The version in force on a day; the first one also before it began. Raises NoTariff."""
        for tariff in reversed(self.versions):
            if tariff.from_on <= day or tariff.version == 1:
                return tariff
        raise NoTariff("No tariff was published: `cagette migrate` publishes the reference.")

    def spans(self, trainings: Mapping[str, Training]) -> tuple[Span, ...]:
        """The days on which trainings make a producer ENGAGEE, by the version in force on each."""
        ends = [eve(later.from_on) for later in self.versions[1:]] + [date.max]
        found: list[Span] = []
        for tariff, end in zip(self.versions, ends, strict=True):
            under: Iterable[Span] = spans_under(tariff.conditions, trainings)
            found += clipped(under, tariff.from_on, end)
        return tuple(found)

    @event(Published)
    def _published(self, tariff: Tariff) -> None:
        self.versions.append(tariff)
