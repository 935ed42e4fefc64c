"""A server extension that notes for how long the event loop of its server was busy at a stretch.

``GET /heartbeat`` gives what took longest since the last one, in seconds of the loop's thread's own
processor time, which other programs of the machine cannot lengthen: one step, which is what
asyncio calls a callback; and one turn, which is all steps that were ready at once, such as those of
fifty requests. What comes while a turn runs, a message of a page or a kernel, is looked at when it
has ended: a turn is what the loop is blocked for. How late a timer was is given by the clock.
"""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
    late: float = 0.0  # seconds by the clock
    busy: float = 0.0  # seconds of processor time of all turns together

    def take(self) -> dict[str, float]:
        """Return it, and begin anew."""
        taken = {"step": self.step, "turn": self.turn, "late": self.late, "busy": self.busy}
        self.step = self.turn = self.late = self.busy = 0.0
        return taken


class Heartbeat(JupyterHandler):
    """Tells, and begins anew."""

    @web.authenticated
    def get(self) -> None:
        """Return the longest blockade since the last request."""
        longest: Longest = self.settings["heartbeat"]
        self.finish(dict(longest.take()))


@contextmanager
def watched(longest: Longest) -> Iterator[None]:
    """Note how long steps and turns of asyncio's loops take; its debug mode would slow them."""
    run, run_once = asyncio.Handle._run, asyncio.BaseEventLoop._run_once

    def step(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        longest.step = max(longest.step, time.thread_time() - began)

    def turn(loop: asyncio.BaseEventLoop) -> None:
        began = time.thread_time()  # waiting for something to be ready takes none
        run_once(loop)
        took = time.thread_time() - began
        longest.turn = max(longest.turn, took)
        longest.busy += took

    asyncio.Handle._run, asyncio.BaseEventLoop._run_once = step, turn
    try:
        yield
    finally:
        asyncio.Handle._run, asyncio.BaseEventLoop._run_once = run, run_once


def beat(longest: Longest, loop: asyncio.AbstractEventLoop) -> None:
    """Note again and again how late a timer is."""

    def ring(due: float) -> None:
        longest.late = max(longest.late, loop.time() - due)
        due = loop.time() + BEAT
        loop.call_at(due, ring, due)

    ring(loop.time())


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "rigs.reliability.heartbeat"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    longest, watching = Longest(), ExitStack()
    watching.enter_context(watched(longest))
    atexit.register(watching.close)  # as long as the server lives
    serverapp.web_app.settings["heartbeat"] = longest
    address = url_path_join(serverapp.web_app.settings["base_url"], "heartbeat")
    serverapp.web_app.add_handlers(".*$", [(address, Heartbeat)])
    serverapp.io_loop.add_callback(lambda: beat(longest, asyncio.get_running_loop()))
