"""Settle a Monday: withhold the fees, and ask for the transfers."""

from collections import defaultdict
from datetime import date

from services.billing.application import Billing
from services.billing.domain.statement import Statement
from services.billing.domain.transfer import Transfer
from shared.kernel.answers import Answer, Result
from shared.kernel.calendar import first_day
from shared.kernel.errors import Refusal


class NotAMonday(Refusal):
    """Settlements are for Mondays."""

    name = "not-a-monday"


class MondaysStanding(Refusal):
    """Earlier Mondays must be settled first."""

    name = "mondays-standing"


def settle(billing: Billing, monday: date, *, despite: bool = False) -> Answer:
    """Settle a Monday, and with it all earlier, empty ones (contract §5.7).

    Refuses a day that is not a Monday, earlier Mondays on which an amount stands and, unless
    `despite`, parked facts. A Monday already settled is unchanged.
    """
    if monday.weekday() != 0:
        raise NotAMonday(f"{monday} is not a Monday: transfers are made on Mondays.")
    books = billing.books()
    if monday <= books.settled_until:
        return Answer(Result.UNCHANGED)
    billing.refuse_parked(despite=despite)
    standing = billing.standing_mondays(books.settled_until, monday)
    if standing:
        raise MondaysStanding(
            f"Settle {', '.join(map(str, standing))} first: they have amounts to settle."
        )
    books.settle(monday)
    billing.keep(books)
    statements, transfers = billing.standing_on(monday)
    withheld = _withhold(billing, statements, monday)
    takers = {t.producer_id for t in transfers if t.sales_cents}
    takers |= {producer_id for producer_id, cents in withheld.items() if cents}
    nets = [
        _settled(billing, billing.transfer(producer_id, monday), withheld[producer_id])
        for producer_id in sorted(takers)
    ]
    sent = [net for net in nets if net > 0]
    figures = {
        "transfers": len(nets),
        "withheld_cents": sum(withheld.values()),
        "sent_cents": sum(sent),
    }
    return Answer(Result.CREATED, figures=figures)


def _withhold(billing: Billing, statements: list[Statement], monday: date) -> dict[str, int]:
    withheld: dict[str, int] = defaultdict(int)
    for statement in statements:
        vat_bp = billing.tariffs().on(first_day(statement.month)).rates.vat_bp
        for producer_id, cents in statement.withhold(monday, vat_bp).items():
            withheld[producer_id] += cents
        billing.keep(statement)
    return withheld


def _settled(billing: Billing, transfer: Transfer, withheld_cents: int) -> int:
    carried_cents = billing.carried_into(transfer.producer_id, transfer.monday)
    net_cents = transfer.settle(withheld_cents, carried_cents)
    billing.keep(transfer)
    return net_cents
