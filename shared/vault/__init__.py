"""People's data: one key a person, kept apart from the logs, and destroyed when asked for."""
