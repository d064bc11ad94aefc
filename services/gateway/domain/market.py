"""A market, and how it is paid on each day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.answers import Result
from shared.kernel.errors import NumberReused, Refusal
from shared.kernel.ids import stable_id


class ModeAlreadySold(Refusal):
    """What was sold under one payment mode is not re-labelled."""

    name = "mode-already-sold"


class PaymentMode(StrEnum):
    """How a market is paid, by its administrator's choice; never a mix."""

    ONLINE = "ONLINE"
    ON_SITE = "ON_SITE"


class MarketKind(StrEnum):
    """An AMAP is recorded but never billed."""

    MARKET = "MARKET"
    AMAP = "AMAP"


@dataclass(frozen=True)
class ModeChange:
    """A payment mode and the day from which it is in force."""

    payment_mode: PaymentMode
    from_on: date


@dataclass(frozen=True)
class MarketDetails:
    """What is known of a market besides its payment modes."""

    name: str
    kind: MarketKind
    test: bool
    administrator: str | None

    @property
    def is_billed(self) -> bool:
        """Test and AMAP markets are recorded but never billed."""
        return not self.test and self.kind is MarketKind.MARKET


@dataclass(frozen=True)
class MarketNotice:
    """The whole of a market under a rising number."""

    market_id: str
    seq: int
    digest: str
    details: MarketDetails
    mode: ModeChange


def mode_on(history: Mapping[int, ModeChange], day: date) -> PaymentMode | None:
    """The mode of a day: the latest `from_on` not after it; for equal days, the highest number."""
    in_force = [(c.from_on, seq) for seq, c in history.items() if c.from_on <= day]
    return history[max(in_force)[1]].payment_mode if in_force else None


class Market(Aggregate):
    """One market. Details follow the highest number; every notice adds to the modes."""

    TOPIC = "gateway.market"

    class Opened(Created):
        """It was told for the first time."""

        TOPIC = "gateway.market.opened"
        market_id: str
        details: MarketDetails

    class Changed(Aggregate.Event):
        """Its details changed."""

        TOPIC = "gateway.market.changed"
        market_id: str
        details: MarketDetails

    class ModeTold(Aggregate.Event):
        """A notice gave a payment mode from a day on; `changed`: the modes differ from before."""

        TOPIC = "gateway.market.mode-told"
        market_id: str
        seq: int
        digest: str
        mode: ModeChange
        changed: bool

    @event(Opened)
    def __init__(self, market_id: str, details: MarketDetails) -> None:
        self.market_id = market_id
        self.details = details
        self.history: dict[int, ModeChange] = {}
        self.digests: dict[int, str] = {}

    @staticmethod
    def create_id(market_id: str) -> UUID:
        """One stream per market."""
        return stable_id("gateway/market", market_id)

    def mode_on(self, day: date) -> PaymentMode | None:
        """How it is paid on a day; None before the first known mode."""
        return mode_on(self.history, day)

    def knows(self, notice: MarketNotice) -> bool:
        """Whether a notice was told before; refuses a number reused with other content."""
        told = self.digests.get(notice.seq)
        if told not in (None, notice.digest):
            raise NumberReused(
                f"seq {notice.seq} of market {notice.market_id} was told with other content: "
                "send the change under a higher number."
            )
        return told is not None

    def affected(self, notice: MarketNotice) -> tuple[date, date]:
        """The days [first, end) whose mode a notice decides."""
        first = notice.mode.from_on
        later = [c.from_on for c in self.history.values() if c.from_on > first]
        return first, min(later, default=date.max)

    def tell(self, notice: MarketNotice, sold: Iterable[tuple[str, date, PaymentMode]]) -> Result:
        """Record a notice. `sold`: (distribution, day, mode) recorded on the days it affects.

        Refuses a mode over days that were sold under another.
        """
        history = {**self.history, notice.seq: notice.mode}
        for distribution_id, day, mode in sold:
            if mode_on(history, day) is not mode:
                raise ModeAlreadySold(
                    f"Distribution {distribution_id} of {day} was recorded as {mode}: "
                    f"let {notice.mode.payment_mode} begin after it, "
                    "or tell that distribution with its own payment_mode."
                )
        latest = max(self.digests, default=None)
        changed = notice.mode not in self.history.values()
        if latest is None or notice.seq > latest:
            if self.details != notice.details:
                self._changed(self.market_id, notice.details)
            result = Result.CREATED if latest is None else Result.UPDATED
        else:
            result = Result.STALE
        self._mode_told(self.market_id, notice.seq, notice.digest, notice.mode, changed)
        return result

    @event(Changed)
    def _changed(self, market_id: str, details: MarketDetails) -> None:
        self.details = details

    @event(ModeTold)
    def _mode_told(
        self, market_id: str, seq: int, digest: str, mode: ModeChange, changed: bool
    ) -> None:
        self.history[seq] = mode
        self.digests[seq] = digest
