"""Every bench by its name."""

from collections.abc import Callable, Iterator

from deploy.bench import append, append_batch, close, read_log, replay
from deploy.bench.measure import Trial

BENCHES: dict[str, Callable[[float], Iterator[Trial]]] = {
    "append": append.trials,
    "append-batch": append_batch.trials,
    "replay": replay.trials,
    "read-log": read_log.trials,
    "close": close.trials,
}
"""`trials(scale)`: what is done; a scale below 1 does less of it, for a first look."""
