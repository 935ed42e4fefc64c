"""Kernels of images that have one start without their debugger, and have it when it is wanted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.kernels import Kernel, running
from tests.rooms import Room

pytestmark = pytest.mark.engine

TIMEOUT = 60.0  # seconds
ADAPTER = {"clientID": "test", "adapterID": "test", "pathFormat": "path"}
WITH_DEBUGGER = "print('debugpy' in sys.modules, gc.isenabled(), sys.argv[0].rpartition('/')[2])"


@pytest.mark.parametrize("image", ["debian12", "debian13"])
async def test_the_debugger_is_imported_when_it_is_wanted(
    engine_room: Room, images: SimpleNamespace, image: str
) -> None:
    """ipykernel 6.17 imports it with its modules, 6.29 when its kernel is made."""
    environment = await engine_room.environment(getattr(images, image))
    async with running(environment.name, cwd=str(engine_room.workspace)) as kernel:
        await kernel.run("import gc, sys")
        assert await kernel.run(WITH_DEBUGGER) == "False True ipykernel_launcher.py"
        told = await debug(kernel, "debugInfo")  # as JupyterLab asks of each kernel
        assert await kernel.run(WITH_DEBUGGER) == "False True ipykernel_launcher.py"
        started = await debug(kernel, "initialize", **ADAPTER)
        assert started["success"] is True
        assert started["body"]["supportsConditionalBreakpoints"] is True
        assert await kernel.run(WITH_DEBUGGER) == "True True ipykernel_launcher.py"
        assert told["body"].pop("isStarted") is False
        by_the_real_one = await debug(kernel, "debugInfo")
        assert by_the_real_one["body"].pop("isStarted") is True
        assert told == by_the_real_one


async def debug(kernel: Kernel, command: str, **arguments: object) -> dict[str, Any]:
    """Send a request to the debugger, and return its answer."""
    request = {"type": "request", "seq": 1, "command": command, "arguments": arguments}
    client = kernel.client
    client.control_channel.send(client.session.msg("debug_request", request))
    content: dict[str, Any] = (await client.get_control_msg(TIMEOUT))["content"]
    return content


KEPT = """
import atexit, json, os
class Ends:
    def __del__(self, mkdir=os.mkdir):  # IPython forgets variables in no certain order
        mkdir(self.name)
def opened(name):
    file = open(name, "w"); file.write(name)
    return file
a = opened("a variable")
cycle = []; cycle += [cycle, opened("a cycle")]
json.JSONDecoder.kept = opened("another's class")
ends = Ends(); ends.name = "an end"
at_exit = opened("at exit")
atexit.register(lambda: at_exit.write("!"))
opened("shown")
"""


@pytest.mark.parametrize("image", ["debian12", "debian13"])
@pytest.mark.parametrize("restart", [True, False])
async def test_what_was_not_closed_is_written_at_its_end(
    engine_room: Room, images: SimpleNamespace, image: str, restart: bool
) -> None:
    """It ends sooner than Python does by itself, and forgets nothing."""
    environment = await engine_room.environment(getattr(images, image))
    async with running(environment.name, cwd=str(engine_room.workspace)) as kernel:
        await kernel.run(KEPT)
        names = {"a variable", "a cycle", "another's class", "at exit", "shown"}
        written = {path.name: path.read_text() for path in engine_room.workspace.glob("*")}
        assert written == dict.fromkeys(names, "")
        if restart:
            await kernel.manager.restart_kernel()
        else:
            await kernel.manager.shutdown_kernel()
        assert (engine_room.workspace / "an end").is_dir()
        (engine_room.workspace / "an end").rmdir()
        written = {path.name: path.read_text() for path in engine_room.workspace.glob("*")}
        assert written == {**{name: name for name in names}, "at exit": "at exit!"}


async def test_where_nothing_can_be_written_it_starts_as_the_image_says(
    engine_room: Room, images: SimpleNamespace
) -> None:
    runtimes = engine_room.data / "gpu_containers" / "runtimes"
    runtimes.parent.mkdir(parents=True, exist_ok=True)
    assert not runtimes.exists()
    runtimes.write_text("in the way")
    environment = await engine_room.environment(images.debian12)
    async with running(environment.name, cwd=str(engine_room.workspace)) as kernel:
        await kernel.run("import gc, sys")
        assert await kernel.run(WITH_DEBUGGER) == "True True ipykernel_launcher.py"
