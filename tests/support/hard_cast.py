"""Who and what a made-up season is about: its markets, its producers and their trainings.

Used by `hard_season.py`, which adds the distributions, payouts and closes. `Season` holds the
notices while they are made and the choices that several of them depend on.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from tests.support import hard_notices as notices
from tests.support.hard_notices import Body
from tests.support.recount_told import Notice

DAY = timedelta(days=1)
COOPERATIVE = ("95", "506", "507")  # "506" < "507" < "95" in code-point order
LEAVER, JOINER = "507", "511"
SINGLE = ("500", "501", "502", "503", "504", "508", "509", "510", "512", "513")
MARKETS = ("100", "100", "101", "101", "102", "102", "103", "104", "105", "106", "107")
CALM_MARKETS = ("100", "101", "102")
EDGES = tuple(
    date.fromisoformat(day)
    for day in [
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
        "2024-06-30",
        "2024-06-30",
        "2024-07-01",
        "2024-07-01",
        "2024-09-30",
        "2024-10-27",
        "2024-12-31",
        "2025-02-27",
        "2025-02-28",
        "2025-03-30",
        "2025-06-30",
        "2025-07-01",
        "2026-02-27",
        "2026-02-28",
    ]
)
TRAINING_DAYS = tuple(
    date.fromisoformat(day)
    for day in [
        "2022-07-01",
        "2023-02-28",
        "2023-07-01",
        "2024-02-29",
        "2024-02-29",
        "2024-06-30",
        "2024-07-01",
    ]
)
STORIES = ("601", "602", "603", "604", "605", "606")  # producers of one training each
SPRING, AUTUMN = date(2024, 2, 5), date(2024, 12, 31)


class Season:
    """The notices of a season while they are made: three batches, each a head and a rest."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.heads: list[list[Notice]] = [[], [], []]
        self.rests: list[list[Notice]] = [[], [], []]
        self.leaves, self.joins = self.rng.sample((1, 2), 2)
        self.mode_change = date(2024, 9, self.rng.randint(1, 30))  # of market 102, told later
        self.mode_batch = self.rng.choice((1, 2))
        self.edges: list[tuple[str, date]] = []  # (producer, last day before a formula changes)
        self.story_edges: list[tuple[str, date]] = []  # the same, where nothing else covers them
        self.count = 0

    def tell(self, batch: int, kind: str, key: str, body: Body, session: str | None = None) -> None:
        """Puts a notice into the part of a batch that is shuffled."""
        notice: Notice = {"kind": kind, "id": key, "body": body}
        if session is not None:
            notice = {"kind": kind, "session_id": session, "id": key, "body": body}
        self.rests[batch].append(notice)

    def head(self, batch: int, kind: str, key: str, body: Body) -> None:
        """Puts a notice at the head of a batch."""
        self.heads[batch].append({"kind": kind, "id": key, "body": body})

    def pick(self, first: date, last: date) -> date:
        """A random day."""
        return first + DAY * self.rng.randint(0, (last - first).days)


def tell_markets(season: Season) -> None:
    """Markets: modes that change, a late one, an AMAP, a test, marks set and taken off."""
    rng, edge = season.rng, [day.isoformat() for day in EDGES]

    def tell(batch: int, key: str, seq: int, mode: str, start: str, mark: str = "MARKET") -> None:
        kind = "AMAP" if mark == "AMAP" else "MARKET"
        body = notices.market(key, seq, mode, start, kind, mark == "TEST")
        season.head(batch, "market", key, body)

    for key in ("100", "101", "104"):
        modes = rng.sample(("ONLINE", "ON_SITE"), 2)
        mark = "AMAP" if key == "104" else "MARKET"
        tell(0, key, 1, modes[0], "2020-01-01", mark)
        tell(0, key, 4, modes[1], rng.choice(edge), mark)
    tell(0, "102", 2, "ONLINE", "2020-01-01")
    tell(season.mode_batch, "102", 3, "ON_SITE", season.mode_change.isoformat())
    tell(0, "103", 1, "ONLINE", "2020-01-01")
    tell(rng.choice((1, 2)), "103", 2, "ONLINE", "2020-01-01", "TEST")
    tell(0, "105", 1, "ONLINE", "2020-01-01", "TEST")
    tell(rng.choice((1, 2)), "105", 2, "ONLINE", "2020-01-01")
    tell(0, "107", 5, "ON_SITE", "2020-01-01", "AMAP")
    tell(1, "107", 6, "ON_SITE", "2020-01-01")
    tell(2, "107", 3, "ON_SITE", "2020-01-01", "AMAP")  # stale
    late = rng.choice((1, 2))
    tell(late, "106", 2, "ON_SITE", rng.choice(edge))
    tell(late, "106", 1, "ONLINE", "2020-01-01")  # stale: still adds to the history


def tell_producers(season: Season) -> None:
    """Producers: a cooperative, two movers, pedagogic ones, late ones, one without an address."""
    rng = season.rng

    def tell(
        batch: int, key: str, seq: int, party: str | None = None, pedagogic: bool = False
    ) -> None:
        address = not (key == "510" and seq == 1)
        body = notices.producer(key, seq, party, pedagogic, address)
        moves = key in (LEAVER, JOINER) and seq == 9
        (season.head if moves else season.tell)(batch, "producer", key, body)

    tell(rng.choice((0, 1)), "95", 1)
    tell(0, "507", 1, "95")
    tell(season.leaves, "507", 9)
    tell(0, "511", 1)
    tell(season.joins, "511", 9, "95")
    tell(0, "506", 2, "95")
    tell(1, "506", 1, "95")  # stale, never told before
    tell(0, "504", 1, pedagogic=True)
    tell(rng.choice((1, 2)), "504", 2)
    tell(0, "508", 1)
    tell(1, "508", 2, pedagogic=True)
    if notices.chance(rng, 50):
        tell(2, "508", 3)
    tell(0, "509", 1)
    tell(1, "509", 3)
    tell(2, "509", 2, pedagogic=True)  # stale
    tell(0, "510", 1)
    tell(rng.choice((1, 2)), "510", 2)
    for key in ("500", "501"):
        tell(0, key, 1)
    for key in ("502", "503", "512", "513"):
        tell(rng.choice((0, 1, 1, 2)), key, 1)


def tell_trainings(season: Season) -> None:
    """Sessions, enrolments, completions and cancellations, told in any batch and corrected."""
    rng = season.rng
    kinds = ["INTEGRATION", "INTEGRATION", "INTEGRATION", "UPDATE", "UPDATE", "UPDATE"]
    rng.shuffle(kinds)
    sessions: list[tuple[str, str, int]] = []
    for rank, kind in enumerate(kinds):
        key, price = f"S{rank}", rng.choice((1, 65_000, 85_000))
        body = notices.session(key, 1, kind, price, season.pick(date(2022, 1, 1), AUTUMN))
        season.tell(
            (0, 1, 2)[rank] if rank < 3 else rng.randint(0, 2), "training-session", key, body
        )
        if rank == 5:
            other = notices.session(key, 2, kind, price, SPRING)
            season.tell(2, "training-session", key, other)
        sessions.append((key, kind, price))
    everyone = (*COOPERATIVE, JOINER, *SINGLE)
    pairs = [(one, producer) for one in sessions for producer in everyone]
    for rank, ((key, kind, price), producer) in enumerate(rng.sample(pairs, 34)):
        _training(season, rank, (key, kind, price), producer)


def _training(season: Season, rank: int, session: tuple[str, str, int], producer: str) -> None:
    """One enrolment and what becomes of it; the first ones force the cases not to be missed."""
    rng, (key, kind, price) = season.rng, session
    enrolled = (
        rng.choice(TRAINING_DAYS)
        if notices.chance(rng, 60)
        else season.pick(date(2023, 1, 1), date(2024, 11, 30))
    )
    completed = rng.choice([day for day in (*TRAINING_DAYS, enrolled) if day >= enrolled])
    if notices.chance(rng, 40):
        completed = season.pick(enrolled, enrolled + 200 * DAY)
    cancelled = season.pick(enrolled, enrolled + 300 * DAY)
    batch = 1 if rank < 2 else rng.randint(0, 2)
    season.tell(batch, "enrolment", producer, notices.enrolment(1, enrolled, price), key)
    if rank % 9 == 0:
        enrolled -= rng.randint(1, 40) * DAY
        season.tell(2, "enrolment", producer, notices.enrolment(2, enrolled, price), key)
    fate = ("completed", "both", "cancelled", "cancelled", "none")[rank % 5]
    if fate in ("completed", "both"):
        _outcome(season, rank, "completion", (key, producer), completed)
        season.edges += [(producer, completed - DAY), (producer, _eve(completed, 2))]
    if fate in ("both", "cancelled"):
        _outcome(season, rank, "cancellation", (key, producer), cancelled)
        season.edges.append((producer, cancelled))
    if kind == "INTEGRATION":
        season.edges += [(producer, enrolled - DAY), (producer, _eve(enrolled, 1))]


def _outcome(season: Season, rank: int, kind: str, training: tuple[str, str], day: date) -> None:
    """A completion or cancellation; some told before the enrolment, some corrected."""
    rng, (session, producer) = season.rng, training
    name = "completed_on" if kind == "completion" else "cancelled_on"
    extra: Body = {"attended_hours": "13.5"} if kind == "completion" else {"reason": "abandoned"}
    corrected = rank in (1, 2, 3) or notices.chance(rng, 20)
    if corrected:
        wrong = day + rng.randint(1, 60) * DAY
        body = {name: wrong.isoformat(), **extra}
        season.tell(rng.choice((0, 1)), kind, producer, body, session)
    body = {name: day.isoformat(), **extra}
    if corrected:
        body["seq"] = rng.choice((2, 5))
    first = 0 if rank < 2 else rng.randint(0, 2)
    season.tell(rng.choice((1, 2)) if corrected else first, kind, producer, body, session)


def _eve(day: date, years: int) -> date:
    """The day before an anniversary, which is 28 February for 29 February."""
    day = day - DAY if (day.month, day.day) == (2, 29) else day
    return day.replace(year=day.year + years) - DAY


def tell_stories(season: Season) -> None:
    """Six producers with one training each, so that no other one hides the edges of its spans."""
    rng = season.rng
    leap = date(2024, 2, 29)
    enrolled = rng.choice((leap, season.pick(date(2023, 8, 1), date(2024, 9, 30))))
    early = season.pick(date(2024, 1, 15), date(2024, 6, 30))
    cancelled = early + rng.randint(170, 230) * DAY
    completed = cancelled + rng.randint(3, 60) * DAY
    late = rng.choice((leap, date(2024, 7, 1), season.pick(date(2024, 7, 1), AUTUMN)))
    old = rng.choice((date(2022, 6, 30), season.pick(date(2015, 1, 1), date(2022, 6, 1))))
    switch, end = date(2024, 6, 30), date(2025, 6, 30)
    stories: dict[str, tuple[str, date, date | None, date | None, list[date]]] = {
        "601": ("INTEGRATION", enrolled, None, None, [enrolled - DAY, _eve(enrolled, 1), switch]),
        "602": ("INTEGRATION", early, None, cancelled, [cancelled, _eve(early, 1), switch]),
        "603": ("INTEGRATION", early, completed, cancelled, [cancelled, completed, switch]),
        "604": ("UPDATE", old - 90 * DAY, old, None, [switch, end]),
        "605": ("UPDATE", early, None, None, [switch, early]),
        "606": ("UPDATE", leap - DAY, late, None, [late - DAY, _eve(late, 2), end]),
    }
    for rank, (producer, (kind, first, done, given_up, edges)) in enumerate(stories.items()):
        key = f"T{rank}"
        body = notices.producer(producer, 1, None, pedagogic=False, address=True)
        season.tell(rng.choice((0, 0, 1)), "producer", producer, body)
        body = notices.session(key, 1, kind, 65_000, first)
        season.tell(rng.randint(0, 2), "training-session", key, body)
        wrong = first + rng.randint(1, 30) * DAY
        for seq, enrolled_on in ((1, wrong), (2, first)):  # edited, the right day last or first
            body = notices.enrolment(seq, enrolled_on, 65_000)
            season.tell(rng.randint(0, 2), "enrolment", producer, body, key)
        if done:
            _outcome(season, rank, "completion", (key, producer), done)
        if given_up:
            _outcome(season, rank, "cancellation", (key, producer), given_up)
        season.story_edges += [(producer, day) for day in edges]
