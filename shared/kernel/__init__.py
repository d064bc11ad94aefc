"""The ground every house stands on: money, days, ids, refusals, aggregates. No I/O, no clock."""
