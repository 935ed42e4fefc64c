"""Rooms, for the examples that run in containers."""

from tests.room_fixtures import *  # noqa: F403
