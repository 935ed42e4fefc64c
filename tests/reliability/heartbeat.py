"""A server extension that notes for how long the event loop of its server was blocked.

``GET /heartbeat`` gives the longest time since the last one, in milliseconds: by the clock, which
counts what other programs of the machine took, too; and the processor time of the loop's own thread
in that time, which nobody else can lengthen.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

BEAT = 0.005  # seconds between two beats


@dataclass
class Longest:
    """The longest blockade so far."""

    wall: float = 0.0  # seconds
    busy: float = 0.0  # seconds of processor time of the loop's thread, in one blockade


class Heartbeat(JupyterHandler):
    """Tells, and begins anew."""

    @web.authenticated
    def get(self) -> None:
        """Return the longest blockade since the last request."""
        longest: Longest = self.settings["heartbeat"]
        self.finish({"wall_ms": longest.wall * 1e3, "busy_ms": longest.busy * 1e3})
        longest.wall = longest.busy = 0.0


async def beat(longest: Longest) -> None:
    """Wake up again and again, and note what came between."""
    while True:
        asked, busy = time.monotonic(), time.thread_time()
        await asyncio.sleep(BEAT)
        late = time.monotonic() - asked - BEAT
        longest.wall = max(longest.wall, late)
        longest.busy = max(longest.busy, min(late, time.thread_time() - busy))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.reliability.heartbeat"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    longest = Longest()
    serverapp.web_app.settings["heartbeat"] = longest
    address = url_path_join(serverapp.web_app.settings["base_url"], "heartbeat")
    serverapp.web_app.add_handlers(".*$", [(address, Heartbeat)])
    serverapp.io_loop.add_callback(
        lambda: serverapp.web_app.settings.update(beating=asyncio.ensure_future(beat(longest)))
    )
