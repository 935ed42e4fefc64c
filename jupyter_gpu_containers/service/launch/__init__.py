"""Launches: every start of a kernel, from asked to its end."""
