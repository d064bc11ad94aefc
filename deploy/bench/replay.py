"""`replay`: an aggregate loaded from its stream of 100 and of 1 000 events, repeatedly.

Ours uses `Work.find`, the library `repository.get`. The limit reads the same states of a stream
and decodes them to plain dictionaries; it makes neither events nor an aggregate of them.
"""

from collections.abc import Callable, Iterator

from deploy.bench import account as ours
from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turns
from deploy.bench.raw import bare

EVENTS = 20_000


def trials(scale: float) -> Iterator[Trial]:
    """On each database, short and long streams."""
    for database in (POSTGRES, SQLITE):
        for length in (100, 1_000):
            yield Trial(
                name=f"replay/{database}/{length}-events",
                unit="events",
                database=database,
                prepare=_prepared(length, max(1, int(EVENTS * scale) // length)),
                goal=Goal(ratio=4),
            )


def _prepared(length: int, times: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        log, application, raw = ground.log(), ground.plain(), ground.raw()
        account, plain = ours.account(length - 1), library.account(length - 1)
        ours.keep(log, [account])
        application.save(plain)
        raw.append(ours.rows(log))

        def ours_turn() -> int:
            for _ in range(times):
                log.begin().find(ours.Account, account.id)
            return times * length

        def plain_turn() -> int:
            for _ in range(times):
                application.repository.get(plain.id)
            return times * length

        def raw_turn() -> int:
            return sum(bare(raw.stream(account.id)) for _ in range(times))

        return Turns(ours_turn, plain_turn, raw_turn)

    return prepare
