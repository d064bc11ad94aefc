"""The baseline: plain eventsourcing 9.5.6 with its defaults. Nothing of ours is in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from deploy.bench.account import AMOUNT, CURRENCY, DUE, INVOICE, MEMO


class PlainAccount(Aggregate):
    """The account in the library's words."""

    @event("Opened")
    def __init__(self, account_id: UUID) -> None:
        self.balance = Decimal(0)
        self.charges = 0

    @event("Charged")
    def charge(
        self, invoice_id: UUID, amount: Decimal, currency: str, memo: str, due: datetime
    ) -> None:
        """Charge an invoice."""
        self.balance += amount
        self.charges += 1


class Plain(Application[UUID]):
    """An application as the library's documentation writes it."""

    name = "plain"


@contextmanager
def plain(environment: Mapping[str, str]) -> Iterator[Plain]:
    """An application on the database that the library's settings name."""
    application = Plain(env=dict(environment))
    try:
        yield application
    finally:
        application.close()


def account(charges: int = 0) -> PlainAccount:
    """A new account, charged so many times."""
    fresh = PlainAccount(uuid4())
    for _ in range(charges):
        charge(fresh)
    return fresh


def charge(charged: PlainAccount) -> None:
    """Charge it once more."""
    charged.charge(invoice_id=INVOICE, amount=AMOUNT, currency=CURRENCY, memo=MEMO, due=DUE)


def read(application: Plain, page: int) -> int:
    """Read the whole log, decoded; how many events."""
    position = count = 0
    while found := application.recorder.select_notifications(
        position, page, inclusive_of_start=False
    ):
        count += len([application.mapper.to_domain_event(each) for each in found])
        position = found[-1].id
    return count
