"""The baseline: plain eventsourcing 9.5.6 with its defaults. Nothing of ours is in it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from deploy.bench.account import AMOUNT, CURRENCY, DUE, INVOICE, MEMO

VAT, CENT = Decimal("0.2"), Decimal("0.01")


class PlainAccount(Aggregate):
    """The account, for the library."""

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


class PlainStatement(Aggregate):
    """What is charged to somebody in a month, line by line."""

    @event("Opened")
    def __init__(self, account_id: UUID) -> None:
        self.lines: list[dict[str, Any]] = []

    @event("Charged")
    def charge(
        self, invoice_id: UUID, amount: Decimal, currency: str, memo: str, due: datetime
    ) -> None:
        """Add a line."""
        self.lines.append({"sale": invoice_id, "amount": amount, "market": memo, "due": due})

    @event("Closed")
    def close(self, net: Decimal, vat: Decimal) -> None:
        """Accept nothing more."""
        self.totals = (net, vat)


class PlainInvoice(Aggregate):
    """An invoice over the lines of a statement."""

    @event("Issued")
    def __init__(
        self, account_id: UUID, net: Decimal, vat: Decimal, lines: list[dict[str, Any]]
    ) -> None:
        self.lines = lines


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
    """A new account, charged that many times."""
    fresh = PlainAccount(uuid4())
    for _ in range(charges):
        charge(fresh)
    return fresh


def statement(charges: int) -> PlainStatement:
    """A new statement, charged that many times."""
    fresh = PlainStatement(uuid4())
    for _ in range(charges):
        charge(fresh)
    return fresh


def charge(charged: PlainAccount | PlainStatement) -> None:
    """Charge it once more."""
    charged.charge(invoice_id=INVOICE, amount=AMOUNT, currency=CURRENCY, memo=MEMO, due=DUE)


def read(application: Plain, page: int) -> int:
    """Read and decode the whole log; return how many events."""
    return sum(1 for _ in events(application, page))


def events(application: Plain, page: int) -> Iterator[Any]:
    """Every event of the log, decoded, a page at a time."""
    position = 0
    while found := application.recorder.select_notifications(
        position, page, inclusive_of_start=False
    ):
        yield from [application.mapper.to_domain_event(each) for each in found]
        position = found[-1].id


def close(application: Plain, streams: Iterable[UUID]) -> int:
    """Close statements, each with its invoice in one save; return how many."""
    count = 0
    for stream in streams:
        found: PlainStatement = application.repository.get(stream)
        net = sum((line["amount"] for line in found.lines), Decimal(0))
        vat = (net * VAT).quantize(CENT)
        found.close(net, vat)
        application.save(found, PlainInvoice(found.id, net, vat, found.lines))
        count += 1
    return count
