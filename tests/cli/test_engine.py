"""`ps` and `stop` from another process, while a kernel of this one runs on the real engine."""

import asyncio
import json
import sys

import pytest

from tests.kernels import running
from tests.rooms import Room, run_program

PROGRAM = [sys.executable, "-m", "jupyter_gpu_containers.cli"]
pytestmark = pytest.mark.engine


async def command(room: Room, *words: str) -> str:
    """Run the command line to its end; return what it printed."""
    ran = await asyncio.to_thread(run_program, room, [*PROGRAM, *words])
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


async def test_a_running_kernel_is_shown_and_stopped(engine_room: Room) -> None:
    environment = await engine_room.environment(engine_room.image)
    async with running(environment.name) as kernel:
        kernel_id = kernel.manager.kernel_id
        container_id = await kernel.container_id()
        shown = json.loads(await command(engine_room, "ps", "--json"))["kernels"]
        (row,) = [row for row in shown if row["kernel_id"] == kernel_id]
        assert (row["container_id"], row["status"]) == (container_id, "running")
        assert row["left_behind"] is False
        assert await command(engine_room, "stop", kernel_id) == (
            f"Stopped {environment.display_name} ({container_id[:12]}).\n"
        )
        assert engine_room.containers() == []
        await kernel.ended()  # the server sees it die


async def test_an_environment_made_by_the_command_line_starts(engine_room: Room) -> None:
    added = json.loads(
        await command(
            engine_room, "environments", "add", engine_room.image, "--name", "mine", "--json"
        )
    )
    environment = engine_room.services.environments.get("mine")  # this process finds it, too
    assert environment.image_id == added["image_id"]
    async with running("mine") as kernel:
        assert await kernel.run("print(1 + 1)") == "2"
    assert await command(engine_room, "environments", "remove", "mine") == "Removed mine.\n"
