"""What must be finished before a producer can be forgotten."""

from collections.abc import Iterator
from datetime import date

from services.billing.application import Billing
from shared.kernel.calendar import month_of
from shared.kernel.errors import Refusal


class StillUnfinished(Refusal):
    """A producer cannot be forgotten while anything of theirs is open, held or parked."""

    name = "still-unfinished"


def refuse_unfinished(billing: Billing, producer_id: str) -> None:
    """Refuse a producer with fees or sales in an open place, a held document or parked facts.

    Whether these are the producer's own or invoiced to them in the place of others.
    """
    todo = [*_mondays(billing, producer_id), *_months(billing, producer_id)]
    todo += [*_documents(billing, producer_id), *_parked(billing, producer_id)]
    if todo:
        raise StillUnfinished(
            f"Producer {producer_id} cannot be forgotten yet: {', '.join(todo)} first."
        )


def _mondays(billing: Billing, producer_id: str) -> Iterator[str]:
    for monday in billing.mondays(billing.books().settled_until, date.max):
        statements, transfers = billing.standing_on(monday)
        sold = any(t.producer_id == producer_id and t.stands() for t in transfers)
        if sold or any(s.concerns(producer_id, monday) for s in statements):
            yield f"settle {monday}"


def _months(billing: Billing, producer_id: str) -> Iterator[str]:
    for month in billing.months(billing.books().closed_until, month_of(date.max)):
        if any(s.concerns(producer_id) for s in billing.statements_of(month)):
            yield f"close {month}"


def _documents(billing: Billing, producer_id: str) -> Iterator[str]:
    for statement in billing.held(billing.books()):
        if statement.concerns(producer_id):
            month, party_id = statement.month, statement.party_id
            yield (
                f"tell the details of {party_id} that the {month} document lacks, "
                f"then close {month} again"
            )


def _parked(billing: Billing, producer_id: str) -> Iterator[str]:
    for name in billing.parked():
        if name.partition("/")[2] == producer_id:
            yield f"replay or drop the parked facts of {name}"
