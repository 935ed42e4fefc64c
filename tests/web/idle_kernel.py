"""A running kernel with a page, and clocks that a test moves."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from tests.web.conftest import TIMEOUT, Api

IMAGE = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
STEP = 30.0  # seconds between two looks, as in a server


class Later:
    """The clocks of the server's `Idle`, which go ahead of the real ones."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ahead = 0.0
        api.services.idle._clock = lambda: time.monotonic() + self._ahead
        api.services.idle._wall = lambda: time.time() + self._ahead

    async def go(self, seconds: float) -> None:
        """Let time pass, with a look every `STEP` seconds."""
        while seconds > 0:
            self._ahead += min(STEP, seconds)
            seconds -= STEP
            await self._api.services.idle.look()


ASKED = 5  # times at most


@dataclass
class Page:
    """A notebook's page on a kernel's websocket, of Jupyter's older protocol."""

    socket: Any
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def send(self, kind: str, content: object, channel: str = "shell") -> str:
        """Send a message; return its id."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": self.session}
        header |= {"username": "", "version": "5.3", "date": "2026-01-01T00:00:00Z"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.write_message(json.dumps({**message, "channel": channel}))
        return header["msg_id"]

    async def execute(self, code: str, *, stdin: bool = False) -> str:
        """Run a cell."""
        content = {"code": code, "silent": False, "store_history": True}
        content |= {"user_expressions": {}, "allow_stdin": stdin, "stop_on_error": True}
        return await self.send("execute_request", content)

    async def until(self, kind: str, parent: str, **content: object) -> Any:
        """Wait for an answer of a type, and with some content; return the message."""

        async def receive() -> Any:
            while True:
                message = json.loads(await self.socket.read_message())
                told = message["msg_type"], message["parent_header"].get("msg_id")
                if told == (kind, parent) and content.items() <= message["content"].items():
                    return message

        return await asyncio.wait_for(receive(), TIMEOUT)

    async def ran(self, cell: str) -> None:
        """Wait until a cell has ended, as the server sees it."""
        await self.until("status", cell, execution_state="idle")


async def started(api: Api, **request: object) -> Launch:
    """Return a launch that runs."""
    answer = await api("POST", "/launches", {"image": IMAGE, "gpus": 1, **request})
    assert answer.status == 202
    return await api.until(answer.json["id"], Phase.RUNNING)


async def started_in(api: Api, environment: str) -> str:
    """Return the id of a kernel that runs in an environment."""
    answer = await api("POST", "/launches", {"environment": environment})
    return (await api.until(answer.json["id"], Phase.RUNNING)).id


async def changed(api: Api, launch_id: str, condition: Callable[[Launch], bool]) -> Launch:
    """Wait until a launch is so."""
    there = asyncio.Event()

    def look(launch: Launch) -> None:
        if launch.id == launch_id and condition(launch):
            there.set()

    api.services.launches.on_change(look)
    look(api.services.launches.get(launch_id))
    await asyncio.wait_for(there.wait(), TIMEOUT)
    return api.services.launches.get(launch_id)


async def settled(api: Api, launch_id: str) -> None:
    """Wait until the server knows that a kernel runs nothing; a message tells it, at any time."""
    door = api.services.launches.door
    assert door is not None

    async def poll() -> None:
        while door.activity(launch_id).busy:  # noqa: ASYNC110  Jupyter has no event for it
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), TIMEOUT)


async def warned(api: Api, later: Later, launch_id: str, idle_timeout: float) -> None:
    """Let time pass until a kernel is to be stopped as idle.

    The server's own question whether a kernel answers may be told of after the answer, and then
    looks like use, once.
    """
    for _ in range(ASKED):
        await settled(api, launch_id)
        await later.go(idle_timeout)
        if api.services.launches.get(launch_id).idle is not None:
            return
    raise AssertionError("the kernel never counted as idle")


async def end_all(api: Api) -> None:
    """End what runs: nothing may be left when the test's folders go."""
    for launch in api.services.launches.list():
        if not launch.phase.final:
            assert (await api("DELETE", f"/launches/{launch.id}")).status == 204


Opener = Callable[[str], Awaitable[Page]]
