"""A branch: the history of a home, billed under another tariff, in memory."""

from dataclasses import dataclass
from typing import Any

from deploy.cli.home import Home
from deploy.cli.houses import HEARS
from deploy.cli.output import progress
from services.billing import main as billing
from services.billing.api.again import BranchAsks
from services.billing.application import Billing
from services.billing.domain.tariff import Tariff
from services.billing.views.compared import Bills, moves, producers, shown, totals, would_show
from shared.eventstore.lease import NoLease
from shared.eventstore.memory import MemoryLog, gc_paused
from shared.kernel.errors import unknown
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.replaying import Told, replayed

Row = dict[str, Any]


@dataclass(frozen=True)
class Branched:
    """What was billed, and what would have been billed, from the same causes.

    `events` is how far the log was replayed; `besides` is what only the branch had to settle or
    close first.
    """

    events: int
    tariffs: list[Tariff]
    besides: list[str]
    totals: list[Row]
    producers: list[Row]
    moves: list[Row]

    def narrowed(self, producer_id: str) -> "Branched":
        """The same for one producer: their fees and transfers, and what they are the party of."""
        mine = [row for row in self.producers if row["producer_id"] == producer_id]
        if not mine:
            raise unknown("producer", producer_id)
        found = [m for m in self.moves if producer_id in (m["producer_id"] or m["party_id"],)]
        return Branched(self.events, self.tariffs, self.besides, [], mine, found)


def branched(home: Home, tariff: Tariff) -> Branched:
    """Bill a home's whole history again under another tariff, as far as its views have read it.

    Nothing is written to the home. Facts are read from the neighbours' own logs, so no broker is
    needed.
    """
    lived = home.billing.log
    stood = home.views["billing"].snapshot()
    until = min(stood.positions.values())
    with MemoryLog() as log, gc_paused():
        branch = billing.build(log, NoLease())
        asks = BranchAsks(branch, tariff, Billing(lived.begin(), "").tariffs().versions)
        neighbours = [house for house in home.houses if house.name in HEARS["billing"]]
        told = Told(EmbeddedSource(neighbours))
        with progress("billing the history again", until, unit="events") as bar:
            for position in replayed(lived, branch, asks, told, until):
                bar.reach(position)
        with progress("comparing"):
            live, other = Bills(shown(stood)), Bills(would_show(log))
            return Branched(
                until,
                Billing(log.begin(), "").tariffs().versions,
                asks.besides,
                totals(live, other),
                producers(live, other),
                list(moves(live, other)),
            )
