"""A short season for every seed: what is told, settled, closed and forgotten, all of it legal.

Six weeks around the switch with few producers, so that one run takes a tenth of a second; the
hard seasons of `tests/support/hard_season.py` are longer, and told without faults. The bills that
it must give are known once it is made: the independent model goes along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, Literal

from tests.support import hard_notices as notices
from tests.support.hard_notices import Sale, chance
from tests.support.recount import Bills, Recount, Step

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 6, 17), date(2024, 7, 26)
LIMITS = ("2024-07-08", "2024-07-29", "9999-12-31")
"""The last Monday that may be settled after each batch of notices."""
MARKETS = ("100", "101", "102", "103")
COOPERATIVE, LEAVER, PLAIN = ("20", "21"), "22", ("30", "31", "32")
CHANGES_PARTY = 9
"""The number of the notice with which the leaver changes its billing party."""

Notice = dict[str, Any]
SimulatedStep = Step | tuple[Literal["remind", "forget"], str]


@dataclass
class Season:
    """Steps in order, and the bills that they must give."""

    steps: list[SimulatedStep]
    expected: Bills


@dataclass
class _Draft:
    """Three batches of notices while they are made; the heads keep their order."""

    rng: Random
    heads: list[list[Notice]] = field(default_factory=lambda: [[], [], []])
    rests: list[list[Notice]] = field(default_factory=lambda: [[], [], []])

    def tell(self, batch: int, kind: str, key: str, body: Notice, session: str = "") -> None:
        """Put a notice somewhere in a batch."""
        within = {"session_id": session} if session else {}
        self.rests[batch].append({"kind": kind, **within, "id": key, "body": body})

    def head(self, batch: int, kind: str, key: str, body: Notice) -> None:
        """Put a notice at the head of a batch."""
        self.heads[batch].append({"kind": kind, "id": key, "body": body})

    def day(self) -> date:
        """Any day of the season, the days around the switch more often."""
        if chance(self.rng, 30):
            return date(2024, 6, 30) + DAY * self.rng.randint(0, 1)
        return FIRST + DAY * self.rng.randint(0, (LAST - FIRST).days)


def season(seed: int) -> Season:
    """The season of a seed."""
    draft = _Draft(Random(seed))
    _markets(draft)
    _producers(draft)
    _trainings(draft)
    for number in range(draft.rng.randint(4, 8)):
        _distribution(draft, f"D{number}")
    _repeats(draft)
    books = Recount()
    steps: list[SimulatedStep] = []
    for batch in range(3):
        draft.rng.shuffle(draft.rests[batch])
        told: list[Step] = [("tell", n) for n in draft.heads[batch] + draft.rests[batch]]
        for step in told:
            books.do(step)
        steps += told
        if chance(draft.rng, 30):
            steps.append(("remind", draft.day().replace(year=2026).isoformat()))
        steps += _settling(draft.rng, books, LIMITS[batch])
    if chance(draft.rng, 40):
        steps.append(("forget", draft.rng.choice((*COOPERATIVE, LEAVER, *PLAIN))))
    return Season(steps, books.result())


def _markets(draft: _Draft) -> None:
    rng = draft.rng
    for key in MARKETS:
        mode, other = rng.sample(("ONLINE", "ONLINE", "ON_SITE"), 2)
        batch = 0 if key != "103" else rng.randint(0, 2)
        draft.head(batch, "market", key, _market(key, 1, mode))
        if chance(rng, 30):  # refused if something was already sold under the old mode
            day = draft.day().isoformat()
            draft.head(rng.randint(batch, 2), "market", key, _market(key, 2, other, day))
        if chance(rng, 20):
            draft.head(2, "market", key, _market(key, 3, mode, mark="AMAP"))
        elif chance(rng, 20):
            draft.head(rng.randint(batch, 2), "market", key, _market(key, 4, mode, mark="TEST"))


def _market(
    key: str, seq: int, mode: str, start: str = "2020-01-01", mark: str = "MARKET"
) -> Notice:
    kind = "AMAP" if mark == "AMAP" else "MARKET"
    return notices.market(key, seq, mode, start, kind, test=mark == "TEST")


def _producers(draft: _Draft) -> None:
    rng, party = draft.rng, COOPERATIVE[0]

    def body(
        key: str, seq: int, of: str | None = None, pedagogic: bool = False, address: bool = True
    ) -> Notice:
        return notices.producer(key, seq, of, pedagogic, address)

    draft.head(0, "producer", party, body(party, 1))
    draft.head(0, "producer", COOPERATIVE[1], body(COOPERATIVE[1], 1, party))
    first, then = rng.sample((party, None), 2)
    draft.head(0, "producer", LEAVER, body(LEAVER, 1, first))
    draft.head(rng.randint(1, 2), "producer", LEAVER, body(LEAVER, CHANGES_PARTY, then))
    for key in PLAIN:
        batch = rng.choice((0, 0, 1, 2))
        address = chance(rng, 70)
        draft.tell(batch, "producer", key, body(key, 1, address=address))
        if chance(rng, 50):
            marked = chance(rng, 40)
            draft.tell(rng.randint(0, 2), "producer", key, body(key, 2, pedagogic=marked))


def _trainings(draft: _Draft) -> None:
    rng = draft.rng
    for key, kind in (("S0", "INTEGRATION"), ("S1", "UPDATE")):
        start = draft.day()
        session = notices.session(key, 1, kind, 65_000, start)
        draft.tell(rng.randint(0, 2), "training-session", key, session)
        for producer in rng.sample((*COOPERATIVE, LEAVER, *PLAIN), rng.randint(1, 3)):
            enrolled = draft.day() - rng.choice((0, 0, 30, 400)) * DAY
            for seq in range(1, rng.randint(1, 2) + 1):
                body = notices.enrolment(seq, enrolled, 65_000)
                draft.tell(rng.randint(0, 2), "enrolment", producer, body, key)
                enrolled -= rng.randint(1, 20) * DAY
            _outcome(draft, producer, key, enrolled)


def _outcome(draft: _Draft, producer: str, session: str, enrolled: date) -> None:
    rng = draft.rng
    day = (enrolled + rng.randint(0, 40) * DAY).isoformat()
    if chance(rng, 60):
        body = {"completed_on": day, "attended_hours": "13.5", "seq": rng.randint(1, 2)}
        draft.tell(rng.randint(0, 2), "completion", producer, body, session)
    if chance(rng, 40):
        body = {"cancelled_on": day, "reason": "abandoned"}
        draft.tell(rng.randint(0, 2), "cancellation", producer, body, session)


def _distribution(draft: _Draft, key: str) -> None:
    """One to three validations of a distribution, some taken back, in any batch and order."""
    rng, market, day = draft.rng, draft.rng.choice(MARKETS), draft.day()
    on = day + rng.choice((0, 0, 1, 3, 10)) * DAY
    said = rng.choice((None, "ONLINE", "ON_SITE"))
    sellers = rng.sample((*COOPERATIVE, *PLAIN), rng.randint(1, 3))
    moving = LEAVER if chance(rng, 30) else None
    number = 1
    for _ in range(rng.choice((1, 1, 2, 3))):
        batch = rng.randint(0, 2)
        sales = notices.random_sales(rng, [s for s in sellers if chance(rng, 80)])
        if moving:  # enough for a fee at any rate, so that the first telling charges the first fee
            sales.append((moving, notices.exactly(rng.randint(25, 9_999))))
        body = _body(rng, (key, number), market, (day, on), sales)
        if said:
            body["payment_mode"] = said
        told = notices.mismatched(body) if chance(rng, 12) else body
        draft.tell(0 if moving else batch, "distribution", key, told)
        if chance(rng, 30):
            at = notices.instant(rng, on + rng.randint(0, 3) * DAY)
            back = {"validation_no": number, "at": at, "reason": "poids"}
            draft.tell(rng.randint(0, 2), "unvalidation", key, back)
        number, on = number + rng.choice((1, 1, 2)), on + rng.randint(0, 5) * DAY
        if chance(rng, 25):
            said, day = rng.choice(("ONLINE", "ON_SITE")), draft.day()


def _body(
    rng: Random, name: tuple[str, int], market: str, days: tuple[date, date], sales: list[Sale]
) -> Notice:
    key, number = name
    day, on = days
    at = notices.instant(rng, on)
    return notices.distribution(rng, key, number, at, market, day, sales)


def _repeats(draft: _Draft) -> None:
    """Some notices again, in the same or a later batch, often in another form."""
    rng = draft.rng
    for batch in (2, 1, 0):
        told = draft.rests[batch]
        for notice in rng.sample(told, len(told) // 6):
            body = notices.said_otherwise(rng, notice["body"])
            draft.rests[rng.randint(batch, 2)].append({**notice, "body": body})


def _settling(rng: Random, books: Recount, limit: str) -> Iterator[Step]:
    """Payouts and closes, as §6 allows, up to a Monday."""
    while mondays := sorted(m for m in _open(books, "ONLINE") if m <= limit):
        yield _done(books, ("payout", mondays[0]))
        if chance(rng, 30):
            yield from _closing(books, mondays[0][:7])
    if chance(rng, 70) or limit == LIMITS[-1]:
        yield from _closing(books, limit[:7])


def _closing(books: Recount, limit: str) -> Iterator[Step]:
    while True:
        first_open = min(_open(books, "ONLINE"), default="9999-13")[:7]
        places = {entry.place[:7] for entry in books.frozen + books.open_entries()}
        months = [m for m in places if books.closed_through < m < first_open and m <= limit]
        if not months:
            return
        yield _done(books, ("close", min(months)))


def _open(books: Recount, channel: str) -> set[str]:
    return {entry.place for entry in books.open_entries() if entry.channel == channel}


def _done(books: Recount, step: Step) -> Step:
    books.do(step)
    return step
