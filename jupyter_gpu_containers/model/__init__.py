"""Frozen dataclasses and pure functions; standard library only, no I/O."""
