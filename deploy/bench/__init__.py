"""`cagette bench`: how fast, as ratios to a baseline that ran beside it on the same machine.

One module a bench, each with `trials()`: what is done, by whom. `ours` is the product's own code,
`baseline` plain eventsourcing 9.5.6 with its defaults on the same database, `limit` raw SQL. A
`Trial` lets them take turns, round after round, so that what else the machine does hits all of them
alike; of the rounds the median counts. A `Probe` looks once: at a latency, a cost, a backlog.
"""

NAMES = (
    "append",
    "append-batch",
    "replay",
    "read-log",
    "ingest",
    "ingest-latency",
    "sale-to-fee",
    "consume",
    "close",
    "rebuild",
    "import",
    "memory",
    "growth",
)
"""Of all benches: `catalogue.py` has what they do, which no other command has to import."""
