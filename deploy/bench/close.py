"""`close`: a month of 30 producers with 300 sales each becomes 30 documents, durable.

Ours asks billing's desk to close the month, as `cagette close` does: every statement is replayed
and closed, every document gets its number, its 300 lines, its VAT and its sealed buyer, all in one
transaction. The library replays an aggregate of 300 charges, closes it and saves it together with
an invoice of the same lines: it draws no number and seals nobody. Every turn closes another
month. The goal is 1 000 documents in 2.7 s: ten times as fast as Kill Bill 0.22 (27 s).
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import ROUNDS, Goal, Trial, Turn, Turns
from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.billing.application import Billing
from services.billing.domain.sale import Charge, Sale, Sold
from services.billing.domain.words import Channel, FeeKind, Place
from shared.eventstore.engines import sqlite_engine
from shared.eventstore.log import EventLog
from shared.kernel.calendar import Month, first_day, next_month
from shared.kernel.persons import Person, Sealed
from shared.vault.keys import Keys
from shared.vault.vault import Vault, producer_key

PRODUCERS, SALES = 30, 300
MONTHS = [f"2025-{month:02}" for month in range(1, ROUNDS + 2)]


def trials(scale: float) -> Iterator[Trial]:
    """On each database."""
    for database in (POSTGRES, SQLITE):
        yield Trial(
            name=f"close/{database}",
            unit="documents",
            database=database,
            prepare=_prepared(max(1, int(PRODUCERS * scale)), max(1, int(SALES * scale))),
            goal=Goal(ratio=6, at_least=370),
        )


def _prepared(producers: int, sales: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        return Turns(_ours(ground, producers, sales), _plain(ground, producers, sales))

    return prepare


def _ours(ground: Ground, producers: int, sales: int) -> Turn:
    log = ground.log()
    vault, turn = closed_by_turns(ground, log, MONTHS)
    for number in range(producers):
        name = str(number)
        statements(log, name, sealed(vault, name), sales, MONTHS)
    return turn


def closed_by_turns(ground: Ground, log: EventLog, months: Sequence[Month]) -> tuple[Vault, Turn]:
    """Billing over a log: its vault, and the turn that closes the next month."""
    folder = Path(ground.enter(tempfile.TemporaryDirectory(prefix="bench-")))
    vault = Vault(Keys(sqlite_engine(folder / "vault.sqlite")))
    vault.keys.migrate()
    desk = BillingDesk(billing.build(log, ground.lease(log)), vault)
    desk.publish(billing.tariff_from(), by="bench")
    to_close = iter(months)

    def turn() -> int:
        month = next(to_close)
        answer = desk.close(month, first_day(next_month(month)), by="bench")
        return int(answer.figures["documents"])

    return vault, turn


def sealed(vault: Vault, producer_id: str) -> Sealed:
    """A producer's person, sealed."""
    person = Person(f"Ferme {producer_id}", "123456789", None, None, "a@example.org", "1 rue", "1")
    return vault.seal(producer_key(producer_id), person)


def statements(
    log: EventLog, producer_id: str, person: Sealed, sales: int, months: Sequence[Month]
) -> None:
    """Keep a producer's statements for some months, without the sales: those are not closed."""
    work = log.begin()
    house = Billing(work, "bench")
    contract = house.contract(producer_id)
    contract.identify(producer_id, person, ())
    house.keep(contract)
    for month in months:
        statement = house.statement(producer_id, month, Channel.ON_SITE)
        for number in range(sales):
            statement.charge(*_charged_for(producer_id, month, number))
        house.keep(statement)
    work.commit()


def _charged_for(producer_id: str, month: Month, number: int) -> tuple[Charge, Sale]:
    """A service fee of 6 %, and the sale that it is for."""
    day = first_day(month)
    at = datetime(day.year, day.month, 15, 12, tzinfo=UTC)
    cents = 4_000 + number
    sale = Sale(producer_id, f"{month}-{number}")
    sale.sold = Sold("1606", "Halle", at.date(), at, at, 1, Channel.ON_SITE, cents)
    fee_id = f"{producer_id}/{month}-{number}/SERVICE"
    place = Place.invoiced(month)
    return Charge(fee_id, FeeKind.SERVICE, place, 600, cents, cents * 6 // 100), sale


def _plain(ground: Ground, producers: int, sales: int) -> Turn:
    application = ground.plain()
    months = iter([_charged(application, producers, sales) for _ in MONTHS])
    return lambda: library.close(application, next(months))


def _charged(application: library.Plain, producers: int, sales: int) -> list[UUID]:
    """Save statements with a month's charges; their streams."""
    statements = [library.statement(sales) for _ in range(producers)]
    for each in statements:
        application.save(each)
    return [each.id for each in statements]
