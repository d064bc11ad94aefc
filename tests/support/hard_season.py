"""Seeded seasons as hard as those of `data/`: three batches with payouts and closes between.

`hard_season(seed)` makes one, always the same for a seed; `shuffled(steps, seed)` tells the same
notices in another order that must give the same bills. A season holds everything `data/README.md`
names and, on top: days that change between two validations, 1-cent sales, producers, markets,
sessions and enrolments told after what refers to them, corrected days of trainings, marks set and
taken off, and Mondays where the withholding of a cooperative ties or does not divide.

Nothing in it may be refused: there are only first tellings, repeats and stale numbers. Producers
that change their billing party ("movers") sell in distributions whose first fee falls in a batch
that no order of telling can change; all others may come in any order within their batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from random import Random

from tests.support import hard_notices as notices
from tests.support.hard_cast import (
    AUTUMN,
    CALM_MARKETS,
    COOPERATIVE,
    DAY,
    EDGES,
    JOINER,
    LEAVER,
    MARKETS,
    SINGLE,
    SPRING,
    Season,
    tell_markets,
    tell_producers,
    tell_stories,
    tell_trainings,
)
from tests.support.hard_notices import Sale
from tests.support.recount import Recount, Step
from tests.support.recount_told import Notice


@cache
def hard_season(seed: int) -> list[Step]:
    """A season of its own for every seed: tells, payouts and closes, all of them legal.

    Cached in the process, because making one takes seconds: copy it before changing it.
    """
    season = Season(seed)
    tell_markets(season)
    tell_producers(season)
    tell_trainings(season)
    tell_stories(season)
    for _ in range(season.rng.randint(46, 54)):
        _ordinary(season)
    for _ in range(16):
        _calm(season)
    edges = [edge for edge in season.edges if edge[1] >= SPRING]
    for edge in season.story_edges + season.rng.sample(edges, min(6, len(edges))):
        _at_edge(season, *edge)
    for edge in season.rng.sample(season.story_edges, 4):
        _moved_day(season, *edge)
    for _ in range(4):
        _taken_back_early(season)
    _ties(season)
    _big_returns(season)
    _repeats(season)
    steps: list[Step] = []
    books = Recount()
    for batch in range(3):
        season.rng.shuffle(season.rests[batch])
        notices = season.heads[batch] + season.rests[batch]
        steps.extend(_done(books, ("tell", notice)) for notice in notices)
        steps.extend(_settling(season.rng, books, batch))
    return steps


def _done(books: Recount, step: Step) -> Step:
    books.do(step)
    return step


def _key(season: Season) -> str:
    season.count += 1
    return f"D{season.count}"


def _validate(
    season: Season,
    batch: int,
    key: str,
    number: int,
    market: str,
    dates: tuple[date, date],
    sales: list[Sale],
    said: str | None = None,
    gap: bool = False,
) -> None:
    """Tells a validation; `dates` are its day and the day on which it was validated."""
    day, on = dates
    at = notices.instant(season.rng, on)
    body = notices.distribution(season.rng, key, number, at, market, day, sales)
    if market == "102" and batch < season.mode_batch and day >= season.mode_change:
        said = said or "ONLINE"  # left unsaid, it would forbid the change told later
    if said:
        body["payment_mode"] = said
    season.tell(batch, "distribution", key, notices.mismatched(body) if gap else body)


def _unvalidate(season: Season, batch: int, key: str, number: int, on: date) -> None:
    at = notices.instant(season.rng, on)
    body = {"validation_no": number, "at": at, "reason": "poids corrigés"}
    season.tell(batch, "unvalidation", key, body)


def _some_day(season: Season) -> date:
    """A day at an edge of the rules, in the settled half year, or later."""
    draw = season.rng.randrange(100)
    if draw < 40:
        return season.rng.choice(EDGES)
    return season.pick(SPRING, AUTUMN if draw < 85 else date(2025, 7, 31))


def _ordinary(season: Season) -> None:
    """A distribution without movers: anything may happen to it, in any batch and order."""
    rng, key, market = season.rng, _key(season), season.rng.choice(MARKETS)
    cooperative = notices.chance(rng, 30)
    pool = COOPERATIVE[:2] if cooperative else SINGLE
    sellers = rng.sample(pool, rng.randint(1, 2 if cooperative else 4))
    day = _some_day(season)
    on = day + rng.choice((0, 0, 0, 1, 1, 3, 10, 21)) * DAY
    number = rng.choice((1, 1, 1, 3))
    said = rng.choice((None, None, None, "ONLINE", "ON_SITE"))
    for turn in range(rng.choice((1, 1, 2, 2, 3))):
        batch = rng.choice((0, 0, 0, 1, 2))
        selling = [s for s in sellers if turn == 0 or notices.chance(rng, 70)]
        gap = notices.chance(rng, 12)
        sales = notices.random_sales(rng, selling)
        _validate(season, batch, key, number, market, (day, on), sales, said, gap)
        if notices.chance(rng, 30):
            back = rng.choice((0, 1, 2))  # before its validation as well as after
            _unvalidate(season, back, key, number, on + rng.randint(0, 3) * DAY)
        number += rng.choice((1, 1, 2))
        on += rng.randint(1, 7) * DAY
        if notices.chance(rng, 25):
            day += rng.choice((-1, 1, 2)) * DAY
        if notices.chance(rng, 25):
            said = rng.choice(("ONLINE", "ON_SITE"))


def _calm(season: Season) -> None:
    """A distribution with movers: one notice per batch, so that neither the batch of its first fee
    nor the billing party depends on the order; corrected after the party has changed."""
    rng, key, market = season.rng, _key(season), season.rng.choice(CALM_MARKETS)
    movers = rng.sample((LEAVER, JOINER), rng.randint(1, 2))
    day = _some_day(season)
    on = day + rng.choice((0, 1, 5)) * DAY
    said = rng.choice((None, "ONLINE", "ON_SITE"))
    number = 1
    for batch in range(rng.choice((0, 0, 0, 1, 2)), 3):
        if number > 1 and notices.chance(rng, 30):
            _unvalidate(season, batch, key, number - 1, on)
            return
        if number == 1 and notices.chance(
            rng, 30
        ):  # too little for any fee: the party is not fixed
            sales: list[Sale] = [(one, notices.exactly(rng.choice((1, 8)))) for one in movers]
        else:
            sales = [(one, ("2", "7.77", 1554)) for one in movers]
            sales += notices.random_sales(rng, [*movers, *rng.sample(COOPERATIVE[:2], 1)])
        empty = number > 1 and notices.chance(rng, 25)
        _validate(season, batch, key, number, market, (day, on), [] if empty else sales, said)
        number, on = number + 1, on + 2 * DAY
        if notices.chance(rng, 30):
            return


def _at_edge(season: Season, producer: str, day: date) -> None:
    """Two sales of a producer: on the last day before the formula changes, and on the next."""
    rng = season.rng
    for on in (day, day + DAY):
        batch, dates = rng.choice((0, 0, 1, 2)), (on, on + rng.randint(0, 2) * DAY)
        sales: list[Sale] = [(producer, ("12.5", "12.00", 15_000))]
        said = rng.choice(("ONLINE", "ON_SITE"))
        _validate(season, batch, _key(season), 1, rng.choice(CALM_MARKETS), dates, sales, said)


def _moved_day(season: Season, producer: str, day: date) -> None:
    """A distribution whose day is corrected across an edge of the formula, either way."""
    rng, key, market = season.rng, _key(season), season.rng.choice(CALM_MARKETS)
    days = rng.sample((day, day + DAY), 2)
    said = rng.choice(("ONLINE", "ON_SITE"))
    for turn, batch in enumerate((rng.choice((0, 1)), rng.choice((1, 2)))):
        dates = (days[turn], day + (3 + turn) * DAY)
        sales: list[Sale] = [(producer, ("2", "7.77", 1554))]
        _validate(season, batch, key, 2 * turn + 1, market, dates, sales, said)


def _taken_back_early(season: Season) -> None:
    """An un-validation told before its validation leaves the one before it standing, unless
    that one is taken back too, by a notice that may be stale when it arrives."""
    rng, key, market = season.rng, _key(season), season.rng.choice(CALM_MARKETS)
    day = season.pick(SPRING, date(2024, 6, 20))
    for number, batch in ((1, 0), (2, rng.choice((1, 2)))):
        sales: list[Sale] = [("501", ("12.5", "7.77", 9713)), ("506", notices.priced(rng))]
        dates, gap = (day, day + number * DAY), number == 2 and notices.chance(rng, 50)
        _validate(season, batch, key, number, market, dates, sales, "ONLINE", gap)
    _unvalidate(season, 0, key, 2, day + 3 * DAY)
    if notices.chance(rng, 50):
        _unvalidate(season, 0, key, 1, day + 2 * DAY)
    if notices.chance(rng, 50):
        _validate(season, 2, key, 4, market, (day, day + 4 * DAY), sales)


def _ties(season: Season) -> None:
    """Weeks in which two members of the cooperative owe the same and the cents do not divide."""
    for _ in range(4):
        day = season.pick(SPRING, date(2024, 6, 20))
        amount = season.rng.choice((16, 25, 33))
        sales: list[Sale] = [(one, notices.exactly(amount)) for one in COOPERATIVE[:2]]
        key = _key(season)
        _validate(season, 0, key, 1, "100", (day, day), sales, "ONLINE")
        if notices.chance(season.rng, 50):
            _validate(season, 1, key, 2, "100", (day, day + DAY), [], "ONLINE")


def _big_returns(season: Season) -> None:
    """Large sales settled, then taken back: the week of the return is negative and carried."""
    rng = season.rng
    for producer in rng.sample(("500", "501", "506", "509"), 3):
        key, day = _key(season), season.pick(SPRING, date(2024, 6, 20))
        big: list[Sale] = [(producer, ("1000", "12.00", 1_200_000))]
        _validate(season, 0, key, 1, "100", (day, day), big, "ONLINE")
        back = rng.choice((1, 2))
        if notices.chance(rng, 30):
            _unvalidate(season, back, key, 1, day + DAY)
            continue
        small: list[Sale] = [(producer, notices.exactly(rng.choice((1, 700))))]
        _validate(season, back, key, 2, "100", (day, day + 2 * DAY), small, "ONLINE")


def _repeats(season: Season) -> None:
    """Tells some notices again in the same or a later batch, often in another form."""
    rng = season.rng
    for batch in (2, 1, 0):
        for notice in rng.sample(season.rests[batch], len(season.rests[batch]) // 6):
            again = {**notice, "body": notices.said_otherwise(rng, notice["body"])}
            season.rests[rng.randint(batch, 2)].append(again)
        known = [n for n in season.heads[batch] if n["kind"] == "market"]
        later = season.heads[rng.randint(batch, 2)]
        for notice in rng.sample(known, min(2, len(known))):
            last = max((i for i, n in enumerate(later) if n["kind"] == "market"), default=-1)
            later.insert(last + 1, notice)


def _settling(rng: Random, books: Recount, batch: int) -> Iterator[Step]:
    """Payouts up to a limit and closes, as §6 allows; empty Mondays and repeats among them."""
    limit = (rng.choice(("2024-07-15", "2024-07-29")), "2024-12-09", "9999-12-31")[batch]
    while mondays := _open_mondays(books, limit):
        if notices.chance(rng, 10):
            empty = date.fromisoformat(mondays[0]) - 7 * DAY
            yield _done(books, ("payout", empty.isoformat()))
        yield _done(books, ("payout", mondays[0]))
        if notices.chance(rng, 5):
            yield _done(books, ("payout", mondays[0]))
        if notices.chance(rng, 20):
            yield from _closing(rng, books, mondays[0][:7])
    yield from _closing(rng, books, rng.choice((limit[:7], "2024-06")) if batch == 0 else limit[:7])


def _open_mondays(books: Recount, limit: str) -> list[str]:
    places = {entry.place for entry in books.open_entries() if entry.channel == "ONLINE"}
    return sorted(place for place in places if place <= limit)


def _closing(rng: Random, books: Recount, limit: str) -> Iterator[Step]:
    """Closes every month up to a limit that has amounts and no Monday left to settle."""
    while True:
        waiting = [e.place for e in books.open_entries() if e.channel == "ONLINE"]
        first = min(waiting, default="9999-13")[:7]
        standing = {entry.place[:7] for entry in books.frozen + books.open_entries()}
        months = sorted(m for m in standing if books.closed_through < m < first and m <= limit)
        if not months:
            return
        yield _done(books, ("close", months[0]))
        if notices.chance(rng, 10):
            yield _done(books, ("close", months[0]))


def shuffled(steps: list[Step], seed: int) -> list[Step]:
    """The same season with the notices of each batch in another order.

    Market notices stay first and, after them, producer notices that change a billing party, both
    in their order: apart from these, the order of telling must not change the bills.
    """
    rng = Random(seed)
    parties: dict[str, tuple[int, str]] = {}
    told: list[Step] = []
    run: list[Notice] = []
    for step in [*steps, ("close", "")]:
        if step[0] == "tell":
            run.append(step[1])
            continue
        markets = [notice for notice in run if notice["kind"] == "market"]
        moves = [
            notice for notice in run if notice["kind"] == "producer" if _moves(notice, parties)
        ]
        first = {id(notice) for notice in markets + moves}
        rest = [notice for notice in run if id(notice) not in first]
        rng.shuffle(rest)
        told += [("tell", notice) for notice in markets + moves + rest]
        told += [step] if step[1] else []
        run = []
    return told


def _moves(notice: Notice, parties: dict[str, tuple[int, str]]) -> bool:
    """Whether a producer notice changes the billing party known so far; records its own."""
    key, body = str(notice["id"]), notice["body"]
    seq, party = body["seq"], str(body.get("billing_party_id") or key)
    known = parties.get(key)
    if known is None or seq > known[0]:
        parties[key] = (seq, party)
    return known is not None and seq > known[0] and party != known[1]
