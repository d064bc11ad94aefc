"""The `cagette` command: the only place that knows all three houses."""
