"""What every house builds on: money, days, ids, refusals, aggregates. No I/O, no clock."""
