"""`append-batch`: 100 and 500 events of ten accounts, decided and written in one commit.

The limit is the database's fastest way to write that many rows: binary COPY, or on SQLite one
prepared statement in one transaction.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

from deploy.bench import account as ours
from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turns

EVENTS = 5_000
ACCOUNTS = 10
STATE = b"x" * 256


def trials(scale: float) -> Iterator[Trial]:
    """On each database, in small and large batches."""
    for database in (POSTGRES, SQLITE):
        for size in (100, 500):
            yield Trial(
                name=f"append-batch/{database}/{size}-events",
                unit="events",
                database=database,
                prepare=_prepared(size, max(1, int(EVENTS * scale) // size)),
                goal=Goal(ratio=4) if database == POSTGRES else Goal(),
            )


def _prepared(size: int, batches: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        log, application, raw = ground.log(), ground.plain(), ground.raw()
        charges = size // ACCOUNTS - 1

        def ours_turn() -> int:
            for _ in range(batches):
                work = log.begin()
                work.keep([ours.account(charges) for _ in range(ACCOUNTS)], "bench")
                work.commit()
            return batches * size

        def plain_turn() -> int:
            for _ in range(batches):
                application.save(*(library.account(charges) for _ in range(ACCOUNTS)))
            return batches * size

        def raw_turn() -> int:
            for _ in range(batches):
                raw.append([(uuid4(), 1, "bench.account.charged", STATE) for _ in range(size)])
            return batches * size

        return Turns(ours_turn, plain_turn, raw_turn)

    return prepare
