"""Measurements: `./run bench`, or `python -m tests.bench`. Tests here assert no times."""
