"""Rooms for the tests of what goes wrong."""

from tests.faults.one_gpu import servers
from tests.room_fixtures import *  # noqa: F403

__all__ = ["servers"]
