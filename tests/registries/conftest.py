"""Registries for the tests of the client."""

from tests.registry_fixtures import *  # noqa: F403
