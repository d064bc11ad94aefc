"""`cagette bench`: how fast, as ratios to a baseline that ran beside it on the same machine.

One module per bench, with `trials()`: what is done, by whom. `ours` is the product's own code,
`baseline` plain eventsourcing 9.5.6 with its defaults on the same database, `limit` raw SQL. In a
`Trial` they take turns, round after round, so that other load on the machine hits all of them
alike; the median of the rounds counts. A `Probe` measures once: a latency, a cost, a backlog.
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
"""Every bench. `catalogue.py` has what they do, so that no other command has to import it."""
