"""Registries of the tests' own, and tests of the client that looks at them."""
