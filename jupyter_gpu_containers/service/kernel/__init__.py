"""One kernel in its container: claim, place on the host, start, watch, end."""
