"""People's data: one key per person, kept apart from the logs and destroyed on request."""
