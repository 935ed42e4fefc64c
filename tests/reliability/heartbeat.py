"""A server extension that notes for how long the event loop of its server was blocked.

``GET /heartbeat`` gives what took longest since the last one, in seconds of the loop's thread's own
processor time, which other programs of the machine cannot lengthen: one step, which is what
asyncio calls a callback; and one turn, which is all steps that were ready at once, such as those of
fifty requests. The turn is also given by the clock.
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

    step: float = 0.0  # seconds of processor time, like the next one
    turn: float = 0.0
    wall: float = 0.0  # seconds by the clock


class Heartbeat(JupyterHandler):
    """Tells, and begins anew."""

    @web.authenticated
    def get(self) -> None:
        """Return the longest blockade since the last request."""
        longest: Longest = self.settings["heartbeat"]
        self.finish({"step": longest.step, "turn": longest.turn, "wall": longest.wall})
        longest.step = longest.turn = longest.wall = 0.0


async def beat(longest: Longest) -> None:
    """Wake up again and again, and note what came between."""
    while True:
        asked, busy = time.monotonic(), time.thread_time()
        await asyncio.sleep(BEAT)
        late = time.monotonic() - asked - BEAT
        longest.wall = max(longest.wall, late)
        longest.turn = max(longest.turn, min(late, time.thread_time() - busy))


def watch_steps(longest: Longest) -> None:
    """Note how long each step of the event loop takes; asyncio's debug mode would slow them."""
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        longest.step = max(longest.step, time.thread_time() - began)

    asyncio.Handle._run = timed


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.reliability.heartbeat"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    longest = Longest()
    watch_steps(longest)
    serverapp.web_app.settings["heartbeat"] = longest
    address = url_path_join(serverapp.web_app.settings["base_url"], "heartbeat")
    serverapp.web_app.add_handlers(".*$", [(address, Heartbeat)])
    serverapp.io_loop.add_callback(
        lambda: serverapp.web_app.settings.update(beating=asyncio.ensure_future(beat(longest)))
    )
