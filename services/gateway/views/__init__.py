"""What the gateway shows: read models, rebuilt from the log at any time."""
