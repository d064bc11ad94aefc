"""`append`: one event a commit, durable when it is acknowledged, by 1 and by 8 writers.

Every writer charges an account of his own that he holds in memory, and saves it: `begin`, `keep`
and `commit` of ours, `Application.save` of the library, an autocommitted INSERT as the limit.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from deploy.bench import account as ours
from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turn, Turns
from deploy.bench.raw import Raw
from shared.eventstore.log import EventLog

COMMITS = 2_400
STATE = b"x" * 256
GOALS = {(POSTGRES, 8): Goal(ratio=2.5)}

Write = Callable[[], object]


def trials(scale: float) -> Iterator[Trial]:
    """On each database, alone and in company."""
    for database in (POSTGRES, SQLITE):
        for writers in (1, 8):
            yield Trial(
                name=f"append/{database}/{writers}-writers",
                unit="commits",
                database=database,
                prepare=_prepared(writers, max(1, int(COMMITS * scale) // writers)),
                goal=GOALS.get((database, writers), Goal()),
            )


def _prepared(writers: int, commits: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        threads = ground.enter(ThreadPoolExecutor(writers))
        log, application = ground.log(), ground.plain()
        return Turns(
            ours=_together(threads, [_ours(log) for _ in range(writers)], commits),
            baseline=_together(threads, [_plain(application) for _ in range(writers)], commits),
            limit=_together(threads, [_raw(ground.raw()) for _ in range(writers)], commits),
        )

    return prepare


def _together(threads: ThreadPoolExecutor, writes: Sequence[Write], commits: int) -> Turn:
    """All writers at once, each on a thread of his own, so many commits each."""

    def write_on(write: Write) -> None:
        for _ in range(commits):
            write()

    def turn() -> int:
        list(threads.map(write_on, writes))
        return len(writes) * commits

    return turn


def _ours(log: EventLog) -> Write:
    charged = ours.account()

    def write() -> None:
        ours.charge(charged)
        work = log.begin()
        work.keep([charged], "bench")
        work.commit()

    return write


def _plain(application: library.Plain) -> Write:
    charged = library.account()

    def write() -> None:
        library.charge(charged)
        application.save(charged)

    return write


def _raw(connection: Raw) -> Write:
    return lambda: connection.append([(uuid4(), 1, "bench.account.charged", STATE)])
