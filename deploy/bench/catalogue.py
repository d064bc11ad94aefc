"""Every bench by its name."""

from collections.abc import Callable, Iterator

from deploy.bench import (
    append,
    append_batch,
    close,
    consume,
    growth,
    importing,
    ingest,
    memory,
    read_log,
    rebuild,
    replay,
    sale_to_fee,
)
from deploy.bench.measure import Probe, Trial

BENCHES: dict[str, Callable[[float], Iterator[Trial | Probe]]] = {
    "append": append.trials,
    "append-batch": append_batch.trials,
    "replay": replay.trials,
    "read-log": read_log.trials,
    "ingest": ingest.trials,
    "ingest-latency": ingest.latencies,
    "sale-to-fee": sale_to_fee.trials,
    "consume": consume.trials,
    "close": close.trials,
    "rebuild": rebuild.trials,
    "import": importing.trials,
    "memory": memory.trials,
    "growth": growth.trials,
}
"""`trials(scale)` says what is done; a scale below 1 does less, one above 1 does more."""
