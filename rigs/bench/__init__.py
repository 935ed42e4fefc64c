"""Measurements: `./run bench`, or `python -m rigs.bench`."""
