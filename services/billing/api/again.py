"""Replays stored asks: on the same house, or on a branch under another tariff."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import msgspec

from services.billing.application import Billing
from services.billing.domain.tariff import Tariff
from services.billing.use_cases.closing import MonthsStanding, close
from services.billing.use_cases.settlement import MondaysStanding, settle
from services.billing.use_cases.tariffs import publish
from shared.eventstore.asks import Ask, Asked
from shared.kernel.answers import Answer
from shared.kernel.calendar import Month, last_day
from shared.kernel.ids import stable_id
from shared.kernel.persons import Sealed
from shared.messaging.house import House
from shared.messaging.releasing import ParkedDesk


class AsksAgain:
    """Replays stored asks on a house. A document's buyer stays sealed as told.

    With `whole`, a month that was closed in portions is closed in full by the first of them.
    """

    def __init__(self, house: House[Billing], *, whole: bool = False) -> None:
        self._house = house
        self._whole = whole

    def __call__(self, made: Asked.Made) -> None:
        """Replay one under the same id; raises the refusals of its use case."""
        if not ParkedDesk(self._house).again(made):
            self._house.ask(Ask.again(made), use_case_of(made, whole=self._whole))


def use_case_of(made: Asked.Made, *, whole: bool = False) -> Callable[[Billing], Answer]:
    """The use case of a stored ask, bound to its stored arguments."""
    given = made.arguments
    match made.use_case:
        case "settle":
            monday = date.fromisoformat(given["monday"])
            return lambda billing: settle(billing, monday, despite=given["despite"])
        case "close":
            month, on = given["month"], date.fromisoformat(given["on"])
            skip, at_most = given.get("skip", 0), given.get("at_most")
            if whole:
                skip, at_most = 0, None
            despite = given["despite"]
            return lambda billing: close(
                billing, month, on, _as_told, despite=despite, skip=skip, at_most=at_most
            )
        case "publish":
            tariff = msgspec.convert(given["tariff"], Tariff)
            return lambda billing: publish(billing, tariff)
    raise LookupError(f"cannot replay billing's ask {made.use_case!r}: unknown use case")


def _as_told(buyer: Sealed, _: date) -> Sealed:
    return buyer


class BranchAsks:
    """Replays stored asks on a branch in which `tariff` is in force from its day on.

    Published versions (`lived`) that begin before that day are kept; those that begin on it or
    later are left out. What only the branch has to settle or close first is settled or closed
    first: `besides` lists it.
    """

    def __init__(self, branch: House[Billing], tariff: Tariff, lived: list[Tariff]) -> None:
        self._branch = branch
        self._repeat = AsksAgain(branch, whole=True)
        self._tariff = tariff
        self._kept = [version for version in lived if version.from_on < tariff.from_on]
        self._is_published = False
        self.besides: list[str] = []

    def __call__(self, made: Asked.Made) -> None:
        """Replay one; of tariffs, only the versions that the branch keeps."""
        if made.use_case == "publish":
            self._publish(made)
            return
        try:
            self._repeat(made)
        except (MondaysStanding, MonthsStanding):
            self._clear(made)
            self._repeat(made)

    def _publish(self, made: Asked.Made) -> None:
        if self._is_published:
            return
        if self._kept:
            self._repeat(made)
        if len(self._billing().tariffs().versions) == len(self._kept):
            self._ask(made, "publish", lambda billing: publish(billing, self._tariff))
            self._is_published = True

    def _clear(self, made: Asked.Made) -> None:
        """Settle and close what stands in the branch before the Monday or month asked for."""
        if made.use_case == "settle":
            self._settle_below(made, date.fromisoformat(made.arguments["monday"]))
            return
        month, on = made.arguments["month"], date.fromisoformat(made.arguments["on"])
        for earlier in self._billing().months(self._billing().books().closed_until, month):
            if any(statement.stands() for statement in self._billing().statements_of(earlier)):
                self._settle_below(made, last_day(earlier) + timedelta(days=1))
                self._close(made, earlier, on)
        self._settle_below(made, last_day(month) + timedelta(days=1))

    def _settle_below(self, made: Asked.Made, day: date) -> None:
        billing = self._billing()
        for monday in billing.standing_mondays(billing.books().settled_until, day):
            self.besides.append(f"settle {monday}")
            self._ask(made, f"settle {monday}", partial(settle, monday=monday, despite=True))

    def _close(self, made: Asked.Made, month: Month, on: date) -> None:
        self.besides.append(f"close {month}")
        self._ask(made, f"close {month}", lambda b: close(b, month, on, _as_told, despite=True))

    def _ask(self, made: Asked.Made, what: str, do: Callable[[Billing], Answer]) -> None:
        nonce = stable_id("billing/branch", str(made.ask_id), what)
        self._branch.ask(Ask(what.partition(" ")[0], {}, by="branch", nonce=nonce), do)

    def _billing(self) -> Billing:
        return Billing(self._branch.log.begin(), "")
