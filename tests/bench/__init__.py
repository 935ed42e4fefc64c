"""Measurements, never part of a pass/fail test: `./run bench`, or `python -m tests.bench`."""
