"""An account that is charged, written for our kernel; `library.py` has the same for the library.

It is never kept in a home. Of a charge both store five fields and the time; ours also its cause.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from shared.eventstore.log import EventLog
from shared.kernel.aggregate import Aggregate, Created, event

CURRENCY, MEMO = "EUR", "training package, 10 sessions, member rate"
INVOICE = UUID("b2b2190a-d2b7-4ce1-ae74-25266b5f6561")
AMOUNT, DUE = Decimal("129.95"), datetime(2026, 1, 31, 12, tzinfo=UTC)


class Account(Aggregate):
    """The account, for our kernel."""

    TOPIC = "bench.account"

    class Opened(Created):
        """It was opened."""

        TOPIC = "bench.account.opened"
        account_id: UUID

    class Charged(Aggregate.Event):
        """An invoice was charged to it."""

        TOPIC = "bench.account.charged"
        invoice_id: UUID
        amount: Decimal
        currency: str
        memo: str
        due: datetime

    @event(Opened)
    def __init__(self, account_id: UUID) -> None:
        self.balance = Decimal(0)
        self.charges = 0

    @staticmethod
    def create_id(account_id: UUID) -> UUID:
        """The id it was given."""
        return account_id

    @event(Charged)
    def charge(
        self, invoice_id: UUID, amount: Decimal, currency: str, memo: str, due: datetime
    ) -> None:
        """Charge an invoice."""
        self.balance += amount
        self.charges += 1


def account(charges: int = 0) -> Account:
    """A new account, charged that many times."""
    fresh = Account(uuid4())
    for _ in range(charges):
        charge(fresh)
    return fresh


def charge(charged: Account) -> None:
    """Charge it once more."""
    charged.charge(invoice_id=INVOICE, amount=AMOUNT, currency=CURRENCY, memo=MEMO, due=DUE)


def keep(log: EventLog, aggregates: Iterable[Aggregate]) -> None:
    """Commit what happened to some aggregates."""
    work = log.begin()
    work.keep(aggregates, "bench")
    work.commit()


def rows(log: EventLog) -> list[tuple[UUID, int, str, bytes]]:
    """What a log holds, as it is stored: stream, version, topic, state."""
    return [row[1:] for row in log.rows()]
