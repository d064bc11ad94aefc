"""A house rebuilt from its causes, beside the live one, and compared with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.cli.home import Home
from deploy.cli.output import progress
from services.billing import main as billing
from services.billing.api import again as billing_again
from services.billing.views.compared import Bills, moves, would_show
from services.gateway import main as gateway
from services.gateway.api import again as gateway_again
from services.training import main as training
from services.training.api import again as training_again
from shared.eventstore.asks import Asked
from shared.eventstore.comparing import Difference, differences
from shared.eventstore.lease import Lease, NoLease
from shared.eventstore.log import EventLog
from shared.eventstore.memory import MemoryLog, gc_paused
from shared.kernel.errors import Refusal
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.house import House
from shared.messaging.replaying import Repeat, Told, replayed

Row = dict[str, Any]


class Again(NamedTuple):
    """How to build a house again and repeat its asks, and which fields cannot be the same."""

    build: Callable[[EventLog, Lease], House[Any]]
    asks: Callable[[House[Any]], Repeat]
    ignored: tuple[str, ...] = ()


AGAIN = {
    "gateway": Again(gateway.build, gateway_again.AsksAgain),
    "training": Again(training.build, training_again.AsksAgain),
    "billing": Again(billing.build, billing_again.AsksAgain, ("buyer",)),
}
"""A document's buyer was resealed under the key of its year, from a key that may be gone by now."""


@dataclass(frozen=True)
class Relived:
    """A house beside its rebuild: events compared, what was refused, what is not the same.

    `bills` are billing's differences by fee, statement, document and transfer: live_cents is what
    the log says, branch_cents what its causes lead to.
    """

    house: str
    events: int
    refusals: list[str]
    differences: list[Difference]
    bills: list[Row]

    @property
    def is_same(self) -> bool:
        """Whether the rebuilt house is the same as the live one."""
        return not (self.refusals or self.differences or self.bills)


def relived(home: Home, name: str) -> Relived:
    """Rebuild a house from the topics, or from its neighbours' logs; write nothing."""
    house = next(house for house in home.houses if house.name == name)
    lived, until = house.log, house.log.head()
    source = home.workers[name].source
    if source:
        source.close()  # a worker may have read ahead: start from the first fact
    told = Told(source or EmbeddedSource(()))
    how, refusals = AGAIN[name], list[str]()
    with MemoryLog() as log, gc_paused():
        repeat = how.asks(how.build(log, NoLease()))

        def repeated(made: Asked.Made) -> None:
            try:
                repeat(made)
            except Refusal as refusal:
                refusals.append(f"{made.use_case} by {made.by}: {refusal.name}: {refusal.sentence}")

        again = how.build(log, NoLease())
        with progress(f"replaying {name}", until, unit="events") as bar:
            for position in replayed(lived, again, repeated, told, until):
                bar.reach(position)
        with progress("comparing"):
            found = list(differences(lived, log, until, how.ignored))
            bills = _bills(lived, log, until) if found and name == "billing" else []
    return Relived(name, until, refusals, found, bills)


def _bills(lived: EventLog, again: EventLog, until: int) -> list[Row]:
    live = Bills(would_show(lived, until))
    return list(moves(live, Bills(would_show(again))))
