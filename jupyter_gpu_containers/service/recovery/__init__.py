"""Over the death of a server or an engine: what is written down, found again, or removed."""
