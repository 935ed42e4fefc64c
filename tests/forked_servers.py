"""A Jupyter server of a test's own that is forked, for the tests that start one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

from tests.forked import Forked, parent
from tests.rooms import Room
from tests.servers import Server


class ForkedServer(Server):
    """`jupyter server` with our extension, in a room."""

    def __init__(self, room: Room, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(room, *options, env=env)

    def _begin(self, command: list[str], env: dict[str, str], log: IO[bytes]) -> Forked:
        return parent().fork(command, env, str(self.room.workspace), log.fileno())
