"""Rooms for the tests of the provisioner."""

from tests.registry_fixtures import *  # noqa: F403
from tests.room_fixtures import *  # noqa: F403
