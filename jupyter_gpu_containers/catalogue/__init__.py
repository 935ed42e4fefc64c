"""Images worth knowing, as data."""
