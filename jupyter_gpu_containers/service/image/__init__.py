"""Images: found, judged, fetched, built, kept."""
