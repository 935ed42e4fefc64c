"""A Jupyter server of a test's own that is forked, for the tests that start one after the other."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from tests.canaries import SUITE
from tests.forked import parent
from tests.rooms import Room
from tests.servers import FRONT_ENDS, START, Server


class ForkedServer(Server):
    """`jupyter server` with our extension, in a room."""

    def __init__(self, room: Room, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.room = room
        self.token = SUITE.make("server-token")
        self._pages = []
        self.log = room.base / f"server-{secrets.token_hex(8)}.log"
        enabled = {"jupyter_gpu_containers": True} | dict.fromkeys(FRONT_ENDS, False)
        command = [
            *(str(Path(sys.executable).parent / "jupyter-server"), "--no-browser"),
            *("--allow-root", "--ServerApp.port=0", f"--IdentityProvider.token={self.token}"),
            f"--ServerApp.jpserver_extensions={enabled}",
            *options,
        ]
        variables = {**room.environ(), **(env or {})}
        with self.log.open("wb") as log:
            self.process = parent().fork(command, variables, str(room.workspace), log.fileno())  # type: ignore[assignment]
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"token {self.token}"
        try:
            found = self.until(self._address, START)
            self.url = f"http://127.0.0.1:{found[1]}"
            self.until(self._answers, START)
        except BaseException:  # nobody else could end it
            self.kill()
            raise
