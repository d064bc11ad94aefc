"""Where asks reach billing."""
