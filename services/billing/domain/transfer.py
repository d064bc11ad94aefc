"""A transfer: a producer's money for one Monday, net of what is withheld."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from services.billing.domain.statement import MONDAYS
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.ids import stable_id

PAYEES = "payee/"


class TransferStatus(StrEnum):
    """What becomes of a settled net: asked for, carried to the next one, or nothing at all."""

    ASKED = "ASKED"
    CARRIED = "CARRIED"
    ZERO = "ZERO"


class Transfer(Aggregate):
    """One producer on one Monday: the online sales, then their settlement."""

    TOPIC = "billing.transfer"

    class Opened(Created):
        """Something concerned a producer's money for a Monday for the first time."""

        TOPIC = "billing.transfer.opened"
        producer_id: str
        monday: date

        def tags(self) -> tuple[str, ...]:
            """Found by Monday."""
            return (f"{MONDAYS}{self.monday}/",)

    class SalesTaken(Aggregate.Event):
        """Online sales, or a correction of them, stand on this Monday (cents incl. VAT)."""

        TOPIC = "billing.transfer.sales-taken"
        distribution_id: str
        amount_cents: int

    class Settled(Aggregate.Event):
        """The Monday was settled: net = sales + carried in − withheld; below zero it is carried."""

        TOPIC = "billing.transfer.settled"
        producer_id: str
        monday: date
        sales_cents: int
        withheld_cents: int
        carried_cents: int
        net_cents: int
        status: TransferStatus
        transfer_id: str | None
        distributions: dict[str, int] | None = None
        """The sales by distribution, in cents; None in events older than this field."""

        def tags(self) -> tuple[str, ...]:
            """Found by producer, in the order of Mondays."""
            return (f"{PAYEES}{self.producer_id}/{self.monday}",)

    @event(Opened)
    def __init__(self, producer_id: str, monday: date) -> None:
        self.producer_id = producer_id
        self.monday = monday
        self.sales: dict[str, int] = {}
        self.net_cents: int | None = None

    @staticmethod
    def create_id(producer_id: str, monday: date) -> UUID:
        """One transfer per producer and Monday."""
        return stable_id("billing/transfer", producer_id, monday.isoformat())

    @property
    def sales_cents(self) -> int:
        """The online sales of this Monday."""
        return sum(self.sales.values())

    def stands(self) -> bool:
        """Whether any amount stands in it."""
        return any(self.sales.values())

    def take(self, distribution_id: str, amount_cents: int) -> None:
        """Add online sales, or a correction of them."""
        if self.net_cents is not None:
            raise AssertionError(f"{self.id} is settled and takes nothing more")
        self._sales_taken(distribution_id, amount_cents)

    def settle(self, withheld_cents: int, carried_cents: int) -> int:
        """Settle it; returns the net in cents. `carried_cents` ≤ 0 is from the last settlement."""
        sales_cents = self.sales_cents
        net_cents = sales_cents + carried_cents - withheld_cents
        status = _status(net_cents)
        asked = status is TransferStatus.ASKED
        self._settled(
            producer_id=self.producer_id,
            monday=self.monday,
            sales_cents=sales_cents,
            withheld_cents=withheld_cents,
            carried_cents=carried_cents,
            net_cents=net_cents,
            status=status,
            transfer_id=f"T-{self.monday}-{self.producer_id}" if asked else None,
            distributions={d: cents for d, cents in self.sales.items() if cents},
        )
        return net_cents

    @event(SalesTaken)
    def _sales_taken(self, distribution_id: str, amount_cents: int) -> None:
        self.sales[distribution_id] = self.sales.get(distribution_id, 0) + amount_cents

    @event(Settled)
    def _settled(
        self,
        producer_id: str,
        monday: date,
        sales_cents: int,
        withheld_cents: int,
        carried_cents: int,
        net_cents: int,
        status: TransferStatus,
        transfer_id: str | None,
        distributions: dict[str, int] | None = None,
    ) -> None:
        self.net_cents = net_cents


def _status(net_cents: int) -> TransferStatus:
    if net_cents > 0:
        return TransferStatus.ASKED
    return TransferStatus.CARRIED if net_cents < 0 else TransferStatus.ZERO
