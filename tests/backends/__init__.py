"""Tests of the container backends: one contract for all, then what each engine alone can show."""
