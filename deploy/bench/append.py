"""`append`: one event per commit, durable once acknowledged, by 1 and by 8 writers.

Each writer charges an account of its own, held in memory, and saves it: by `begin`, `keep` and
`commit` in ours, by `Application.save` in the library; the limit is an autocommitted INSERT.
Askers are writers as a house has them: each asks it to charge, under its lease. The ask itself is
one more event, and asks that wait for each other share one commit.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from deploy.bench import account as ours
from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turn, Turns
from deploy.bench.raw import Raw
from shared.eventstore.asks import Ask
from shared.eventstore.log import EventLog
from shared.eventstore.work import AtWork
from shared.kernel.answers import Answer, Result
from shared.messaging.house import House
from shared.messaging.rules import Policies, Publishing

COMMITS = 2_400
STATE = b"x" * 256
GOALS = {(POSTGRES, 8): Goal(ratio=2.5)}

Write = Callable[[], object]
Ours = Callable[[Ground, EventLog, int], list[Write]]


def trials(scale: float) -> Iterator[Trial]:
    """On each database: one writer, eight writers, and eight askers of a house."""
    for database in (POSTGRES, SQLITE):
        for name, count, made in WHO:
            yield Trial(
                name=f"append/{database}/{count}-{name}",
                unit="commits",
                database=database,
                prepare=_prepared(made, count, max(1, int(COMMITS * scale) // count)),
                goal=GOALS.get((database, count), Goal()),
            )


def _prepared(made: Ours, writers: int, commits: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        threads = ground.enter(ThreadPoolExecutor(writers))
        log, application = ground.log(), ground.plain()
        return Turns(
            ours=_together(threads, made(ground, log, writers), commits),
            baseline=_together(threads, [_plain(application) for _ in range(writers)], commits),
            limit=_together(threads, [_raw(ground.raw()) for _ in range(writers)], commits),
        )

    return prepare


def _together(threads: ThreadPoolExecutor, writes: Sequence[Write], commits: int) -> Turn:
    """All writers at once, each on its own thread with that many commits."""

    def write_on(write: Write) -> None:
        for _ in range(commits):
            write()

    def turn() -> int:
        list(threads.map(write_on, writes))
        return len(writes) * commits

    return turn


def _writers(_: Ground, log: EventLog, count: int) -> list[Write]:
    def writer() -> Write:
        charged = ours.account()

        def write() -> None:
            ours.charge(charged)
            work = log.begin()
            work.keep([charged], "bench")
            work.commit()

        return write

    return [writer() for _ in range(count)]


def _askers(ground: Ground, log: EventLog, count: int) -> list[Write]:
    house = House(
        "bench",
        log,
        ground.lease(log),
        application=AtWork,
        policies=Policies[AtWork](),
        publishing=Publishing(),
    )

    def asker() -> Write:
        charged = ours.account()

        def charge(at_work: AtWork) -> Answer:
            ours.charge(charged)
            at_work.keep(charged)
            return Answer(Result.UPDATED)

        return lambda: house.ask(Ask("charge", {}, by="bench", nonce=uuid4()), charge)

    return [asker() for _ in range(count)]


def _plain(application: library.Plain) -> Write:
    charged = library.account()

    def write() -> None:
        library.charge(charged)
        application.save(charged)

    return write


def _raw(connection: Raw) -> Write:
    return lambda: connection.append([(uuid4(), 1, "bench.account.charged", STATE)])


WHO = (("writers", 1, _writers), ("writers", 8, _writers), ("askers", 8, _askers))
