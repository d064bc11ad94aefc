"""A distribution: the validations told for it, which of them stands, and what was told on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.gateway.domain.basket import Part
from services.gateway.domain.market import MarketDetails, PaymentMode
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.answers import Result
from shared.kernel.errors import NumberReused, Refusal
from shared.kernel.ids import stable_id

OF_MARKET = "market/"
OF_PRODUCER = "producer/"
WITHOUT_MODE = "without-mode/"
CASH_MISMATCH = "cash_mismatch"


class OtherMarket(Refusal):
    """A distribution stays with its market."""

    name = "other-market"


@dataclass(frozen=True)
class Validation:
    """One validation, as told. `parts` is what each producer sold, by producer id.

    `stated_mode` is the payment mode it states itself, if any. `cash_matches` says
    whether what was paid is what is owed.
    """

    validation_no: int
    digest: str
    validated_at: datetime
    validated_by: str | None
    market_id: str
    day: date
    stated_mode: PaymentMode | None
    cash_matches: bool
    parts: dict[str, Part]


@dataclass(frozen=True)
class Sales:
    """What one producer sold, as it stands and as it is told."""

    market_id: str
    day: date
    first_validated_at: datetime
    validated_at: datetime
    validation_no: int
    payment_mode: PaymentMode
    part: Part | None
    held: str | None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was sold and nothing is held."""
        return (self.part is None or self.part.sales_cents == 0) and self.held is None


class Distribution(Aggregate):
    """One distribution. Every validation told is kept; at most one of them stands."""

    TOPIC = "gateway.distribution"

    class Opened(Created):
        """Something was told of it for the first time."""

        TOPIC = "gateway.distribution.opened"
        distribution_id: str

    class ValidationTold(Aggregate.Event):
        """A validation was told. `payment_mode` is None while its market's mode is unknown."""

        TOPIC = "gateway.distribution.validation-told"
        validation: Validation
        payment_mode: PaymentMode | None

        def tags(self) -> tuple[str, ...]:
            """Found by market and day, by producer, and while it waits for a mode."""
            told = self.validation
            yes = [f"{OF_MARKET}{told.market_id}/{told.day}/"]
            yes += [f"{OF_PRODUCER}{producer_id}/" for producer_id in told.parts]
            if self.payment_mode is None:
                yes.append(f"{WITHOUT_MODE}{told.market_id}/")
            return tuple(yes)

    class ModeFound(Aggregate.Event):
        """The market's mode on a validation's day became known."""

        TOPIC = "gateway.distribution.mode-found"
        validation_no: int
        payment_mode: PaymentMode

    class UnvalidationTold(Aggregate.Event):
        """An administrator un-validated it; if told before its validation, it waits for that."""

        TOPIC = "gateway.distribution.unvalidation-told"
        validation_no: int
        at: datetime

    class SalesValidated(Aggregate.Event):
        """What a producer sold is told anew, as one fact."""

        TOPIC = "gateway.distribution.sales-validated"
        distribution_id: str
        market_name: str
        producer_id: str
        sales: Sales

    @event(Opened)
    def __init__(self, distribution_id: str) -> None:
        self.distribution_id = distribution_id
        self.validations: dict[int, Validation] = {}
        self.modes: dict[int, PaymentMode] = {}
        self.unvalidated: set[int] = set()
        self.told: dict[str, Sales] = {}

    @staticmethod
    def create_id(distribution_id: str) -> UUID:
        """One stream per distribution."""
        return stable_id("gateway/distribution", distribution_id)

    def knows(self, told: Validation) -> bool:
        """Whether a validation was told before; refuses other content or another market."""
        known = self.validations.get(told.validation_no)
        if known and known.digest != told.digest:
            raise NumberReused(
                f"validation_no {told.validation_no} of distribution {self.distribution_id} was "
                "told with other content: send the change under a higher number."
            )
        market_id = next((v.market_id for v in self.validations.values()), told.market_id)
        if told.market_id != market_id:
            raise OtherMarket(
                f"Distribution {self.distribution_id} belongs to market {market_id}, "
                f"not to {told.market_id}: a distribution does not move."
            )
        return known is not None

    def validate(self, told: Validation, market_mode: PaymentMode | None) -> Result:
        """Record a validation that was not told before, under its own or its market's mode."""
        latest = max(self.validations, default=0)
        self._validation_told(told, told.stated_mode or market_mode)
        if latest == 0:
            return Result.CREATED
        return Result.UPDATED if told.validation_no > latest else Result.STALE

    def unvalidate(self, validation_no: int, at: datetime) -> Result:
        """Record an un-validation; the same one again changes nothing."""
        if validation_no in self.unvalidated:
            return Result.UNCHANGED
        is_first = not self.unvalidated
        latest = max([*self.validations, *self.unvalidated], default=0)
        self._unvalidation_told(validation_no, at)
        if validation_no < latest:
            return Result.STALE
        return Result.CREATED if is_first else Result.UPDATED

    def find_modes(self, mode_on: Callable[[date], PaymentMode | None]) -> None:
        """Give the validations that wait for a mode the one their market now has."""
        for number, told in sorted(self.validations.items()):
            mode = mode_on(told.day) if number not in self.modes else None
            if mode:
                self._mode_found(number, mode)

    def relied_on(self) -> Iterator[tuple[str, date, PaymentMode]]:
        """(distribution, day, mode) of each validation recorded under its market's mode."""
        for number, told in sorted(self.validations.items()):
            if told.stated_mode is None and number in self.modes:
                yield self.distribution_id, told.day, self.modes[number]

    def producers(self) -> set[str]:
        """Every producer with sales in any validation told."""
        return {producer_id for told in self.validations.values() for producer_id in told.parts}

    def standing(self) -> Validation | None:
        """The validation that stands: the highest that matches and is not un-validated."""
        return next((v for v in self._candidates() if self._matches(v)), None)

    def tell_sales(self, market: MarketDetails, is_billed: Callable[[str], bool | None]) -> None:
        """Tell anew what changed for each producer.

        `is_billed` says if a producer is billed, or None while unknown: then that part waits.
        """
        recorded = sorted(self.modes)
        if not recorded:
            return
        standing = self.standing()
        for producer_id in sorted(self.producers()):
            billed = is_billed(producer_id)
            if billed is None:
                continue
            shown = standing or self.validations[recorded[-1]]
            counts = billed and market.is_billed
            part = standing.parts.get(producer_id) if standing and counts else None
            sales = Sales(
                market_id=shown.market_id,
                day=shown.day,
                first_validated_at=self.validations[min(self.validations)].validated_at,
                validated_at=shown.validated_at,
                validation_no=shown.validation_no,
                payment_mode=self.modes[shown.validation_no],
                part=part,
                held=self._held(producer_id) if counts and not standing else None,
            )
            before = self.told.get(producer_id)
            if sales != before and not (before is None and sales.is_nothing):
                self._sales_validated(self.distribution_id, market.name, producer_id, sales)

    def _candidates(self) -> list[Validation]:
        gone = max((no for no in self.unvalidated if no in self.validations), default=0)
        return [self.validations[no] for no in sorted(self.modes, reverse=True) if no > gone]

    def _matches(self, told: Validation) -> bool:
        return told.cash_matches or self.modes[told.validation_no] is PaymentMode.ON_SITE

    def _held(self, producer_id: str) -> str | None:
        latest = next(iter(self._candidates()), None)
        if latest is None or self._matches(latest) or producer_id not in latest.parts:
            return None
        return CASH_MISMATCH

    @event(ValidationTold)
    def _validation_told(self, validation: Validation, payment_mode: PaymentMode | None) -> None:
        self.validations[validation.validation_no] = validation
        if payment_mode:
            self.modes[validation.validation_no] = payment_mode

    @event(ModeFound)
    def _mode_found(self, validation_no: int, payment_mode: PaymentMode) -> None:
        self.modes[validation_no] = payment_mode

    @event(UnvalidationTold)
    def _unvalidation_told(self, validation_no: int, at: datetime) -> None:
        self.unvalidated.add(validation_no)

    @event(SalesValidated)
    def _sales_validated(
        self, distribution_id: str, market_name: str, producer_id: str, sales: Sales
    ) -> None:
        self.told[producer_id] = sales
