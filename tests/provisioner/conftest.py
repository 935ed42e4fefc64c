"""Rooms for the tests of the provisioner."""

from tests.room_fixtures import *  # noqa: F403
