"""A workspace that holds Jupyter's own folders: a kernel sees neither keys nor records in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kernels import running
from tests.rooms import Room

pytestmark = pytest.mark.engine


async def test_keys_are_hidden(engine_room: Room) -> None:
    """As where JupyterLab is started in the home directory; what is the user's own is there."""
    engine_room.configure(workspace=str(engine_room.base))
    environment = await engine_room.environment(engine_room.image)
    key = engine_room.data / "gpu_containers" / "key"
    assert key.is_file()
    (engine_room.runtime / "jpserver-1.json").write_text('{"token": "secret"}')
    (engine_room.data / "notes.txt").write_text("the user's own")
    async with running(environment.name) as kernel:
        for folder in (key.parent, engine_room.runtime):
            assert await kernel.run(f"import os; print(os.listdir({str(folder)!r}))") == "[]"
            written = await kernel.run(f"open({str(folder / 'x')!r}, 'w')")
            assert written.startswith(("OSError", "PermissionError"))
        read = f"print(open({str(engine_room.data / 'notes.txt')!r}).read())"
        assert await kernel.run(read) == "the user's own"
        look = f"print(os.path.exists({str(key)!r}))"
        assert await kernel.run(look) == "False"
    (engine_room.runtime / "jpserver-1.json").unlink()


async def test_a_link_in_place_of_the_connection_file(engine_room: Room, tmp_path: Path) -> None:
    """A restart writes it anew; what the kernel had it lead to stays as it is."""
    environment = await engine_room.environment(engine_room.image)
    victim = engine_room.workspace / "victim"
    victim.write_text("mine")
    async with running(environment.name) as kernel:
        await kernel.run(
            "import os, sys\n"
            "from ipykernel.kernelapp import IPKernelApp\n"
            "path = IPKernelApp.instance().abs_connection_file\n"
            f"os.unlink(path); os.symlink({str(victim)!r}, path)"
        )
        await kernel.manager.restart_kernel(now=True)
        await kernel.answers_again()
        assert await kernel.run("print(6 * 7)") == "42"
        assert victim.read_text() == "mine"
        assert os.stat(victim).st_mode & 0o777 == 0o644 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
