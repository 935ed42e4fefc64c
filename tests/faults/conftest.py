"""Rooms for the tests of what goes wrong."""

from tests.room_fixtures import *  # noqa: F403
