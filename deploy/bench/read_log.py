"""`read-log`: the whole log by position, every event decoded, 1 000 at a time.

Ours uses `EventLog.history`, the library `select_notifications` and its mapper. The limit reads
the same states by position and decodes them to plain dictionaries.
"""

from collections.abc import Callable, Iterator

from deploy.bench import account as ours
from deploy.bench import library
from deploy.bench.grounds import POSTGRES, SQLITE, Ground
from deploy.bench.measure import Goal, Trial, Turns
from deploy.bench.raw import Raw, bare
from shared.eventstore.log import PAGE

EVENTS = 40_000
STREAM = 50


def trials(scale: float) -> Iterator[Trial]:
    """On each database."""
    for database in (POSTGRES, SQLITE):
        yield Trial(
            name=f"read-log/{database}",
            unit="events",
            database=database,
            prepare=_prepared(max(1, int(EVENTS * scale) // STREAM)),
            goal=Goal(ratio=4, at_least=300_000),
        )


def _prepared(streams: int) -> Callable[[Ground], Turns]:
    def prepare(ground: Ground) -> Turns:
        log, application, raw = ground.log(), ground.plain(), ground.raw()
        ours.keep(log, [ours.account(STREAM - 1) for _ in range(streams)])
        for _ in range(streams):
            application.save(library.account(STREAM - 1))
        raw.append(ours.rows(log))
        return Turns(
            ours=lambda: sum(1 for _ in log.history()),
            baseline=lambda: library.read(application, PAGE),
            limit=lambda: _read(raw),
        )

    return prepare


def _read(raw: Raw) -> int:
    position = count = 0
    while page := raw.page(position, PAGE):
        count += bare([state for _, state in page])
        position = page[-1][0]
    return count
