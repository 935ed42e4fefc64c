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
