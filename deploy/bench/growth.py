"""`growth`: what one more costs when ten times (`--full`: a hundred times) as much is stored.

Append, replay and close on PostgreSQL, standing on SQLite, each in turns on a small and a large
home: `ours` is the rate on the large one, `baseline` the rate on the small one.
"""

from collections.abc import Callable, Iterator
from datetime import date

from deploy.bench import account
from deploy.bench.close import MONTHS, closed_by_turns, sealed, statements
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turn, Turns
from services.gateway import main as gateway
from services.gateway.domain.producer import Producer, ProducerNotice, VatRegime
from services.gateway.views.standing import standing
from shared.eventstore.engines import sqlite_engine
from shared.eventstore.log import EventLog
from shared.eventstore.views import Views
from shared.kernel.persons import Sealed

SMALL, TIMES, STREAM = 4_000, 10, 100
GOAL = Goal(ratio=0.9)
COMMITS, REPLAYS, PAGES = 300, 100, 200
PRODUCERS, SALES = 20, 100
LATER = [f"2026-{month:02}" for month in range(1, 5)]
DAY = date(2025, 1, 1)

Making = Callable[[Ground, str, float], Turn]
"""Fills the home of that name, so many times the basic size, and returns the turn on it."""


def trials(scale: float) -> Iterator[Trial]:
    """The same work on both homes."""
    small, large = min(scale, 1), TIMES * scale
    for name, unit, database, brief, make in (
        ("append", "commits", POSTGRES, 3, _append),
        ("replay", "events", POSTGRES, 5, _replay),
        ("close", "documents", POSTGRES, 1, _close),
        ("standing", "pages", SQLITE, 3, _standing),
    ):
        yield Trial(
            name=f"growth/{name}/{round(large / small)}-times",
            unit=unit,
            database=database,
            prepare=_prepared(make, small, large),
            goal=GOAL,
            brief=brief,
        )


def _prepared(make: Making, small: float, large: float) -> Callable[[Ground], Turns]:
    return lambda ground: Turns(make(ground, "large", large), make(ground, "small", small))


def _filled(ground: Ground, name: str, times: float) -> EventLog:
    log = ground.log(name)
    for _ in range(max(1, int(SMALL * times) // 1_000)):
        account.keep(log, [account.account(STREAM - 1) for _ in range(1_000 // STREAM)])
    return log


def _append(ground: Ground, name: str, times: float) -> Turn:
    log = _filled(ground, name, times)
    charged = account.account()

    def turn() -> int:
        for _ in range(COMMITS):
            account.charge(charged)
            account.keep(log, [charged])
        return COMMITS

    return turn


def _replay(ground: Ground, name: str, times: float) -> Turn:
    log = _filled(ground, name, times)
    kept = account.account(STREAM - 1)
    account.keep(log, [kept])

    def turn() -> int:
        for _ in range(REPLAYS):
            log.begin().find(account.Account, kept.id)
        return REPLAYS * STREAM

    return turn


def _close(ground: Ground, name: str, times: float) -> Turn:
    """Months of the same producers; all else that is stored is of others, in later months."""
    log = ground.log(name)
    vault, turn = closed_by_turns(ground, log, MONTHS)
    for number in range(PRODUCERS):
        producer_id = str(number)
        statements(log, producer_id, sealed(vault, producer_id), SALES, MONTHS)
    for number in range(int(PRODUCERS * times)):
        producer_id = f"other-{number}"
        statements(log, producer_id, sealed(vault, producer_id), SALES, LATER)
    return turn


def _standing(ground: Ground, name: str, times: float) -> Turn:
    """Pages of the gateway's first producers, one each; the others only fill the home."""
    log = ground.log(name)
    for first in range(0, int(SMALL * times), 500):
        account.keep(log, [Producer(_notice(n)) for n in range(first, first + 500)])
    views = Views(log, gateway.VIEWS, sqlite_engine(ground.folder / f"{name}.views"))
    views.migrate()
    for _ in views.catch_up():
        pass

    def turn() -> int:
        for number in range(PAGES):
            standing(views, str(number), DAY)
        return PAGES

    return turn


def _notice(number: int) -> ProducerNotice:
    name = str(number)
    return ProducerNotice(
        producer_id=name,
        seq=1,
        joined_on=DAY,
        party_id=name,
        country="FR",
        vat_regime=VatRegime.NORMAL,
        pedagogic=False,
        disabled=False,
        info_missing=(),
        person=Sealed("in-clear"),
    )
