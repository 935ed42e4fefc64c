"""Commands of other processes on the real engine: kernels of this one, images, registries."""

import asyncio
import io
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from jupyter_gpu_containers.cli import main
from tests.kernels import running
from tests.registries.real import PASSWORD, USERNAME, RealRegistry
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


@dataclass
class Shell:
    """Runs commands of this process in the room that it has entered: programs start slowly."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return (main(words), *self.capsys.readouterr())

    def json(self, *words: str, typed: str = "") -> Any:
        """Run a command for programs; a failure is an answer, too."""
        _, out, _ = self(*words, "--json", typed=typed)
        return json.loads(out)


def test_an_image_is_found_fetched_named_sent_and_removed(
    engine_room: Room,
    basic_registry: RealRegistry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Shell(capsys, monkeypatch)
    host, theirs = basic_registry.host, basic_registry.reference("test/multi:oci")
    mine = basic_registry.reference(f"mine/copy-{os.getpid()}:1")
    assert run.json("inspect", theirs)["code"] == "registry_unauthorized"
    wrong = run.json("login", host, "-u", USERNAME, "--password-stdin", typed="wrong\n")
    assert wrong["code"] == "registry_unauthorized"
    _, said, _ = run("login", host, "-u", USERNAME, "--password-stdin", typed=PASSWORD)
    kept = engine_room.home / ".docker" / "config.json"
    assert said == f"Logged in to {host} as {USERNAME}; kept in {kept}.\n"
    assert run.json("tags", f"{host}/test/multi")["tags"] == ["docker", "oci"]

    before = run.json("inspect", theirs)
    assert (before["on_engine"], before["kernels"]) == (False, None)
    assert len(before["platforms"]) == 2
    assert before["framework"]["name"] == "PyTorch"
    assert run.json("verdict", theirs) == before["verdict"]
    try:
        pulled = run.json("pull", theirs)
        assert pulled["state"] == "succeeded", pulled
        assert (pulled["image_id"], pulled["current"]) == (before["id"], before["download"])
        after = run.json("inspect", theirs)
        assert (after["on_engine"], after["download"], after["id"]) == (True, 0, before["id"])
        assert run("tag", theirs, mine)[0] == 0
        status, _, told = run("push", mine)
        assert (status, told.splitlines()[-1]) == (0, f"{mine}: push succeeded")
        assert run.json("tags", mine.rpartition(":")[0])["tags"] == ["1"]
        assert run.json("rmi", mine)["removed"][0] == mine
    finally:
        removed = run.json("rmi", theirs)
    assert before["id"] in removed["removed"]
    assert run.json("logout", host) == {"host": host, "erased": True}
    assert run.json("pull", theirs)["code"] == "registry_unauthorized"
    assert PASSWORD not in kept.read_text() + basic_registry.log
