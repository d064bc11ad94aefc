"""`cagette bench`: how fast, as ratios to a baseline that ran beside it on the same machine.

One module a bench, each with `trials()`: what is done, by whom. `ours` is the product's own code,
`baseline` plain eventsourcing 9.5.6 with its defaults on the same database, `limit` raw SQL. They
take turns, round after round, so that what else the machine does hits all of them alike; of the
rounds the median counts.
"""
