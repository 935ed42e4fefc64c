"""A kernel that was started ahead is as one that was started when it was asked for."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.spare import PIPE_FILE
from jupyter_gpu_containers.service.kernel.seats import SOCKET_NAME
from jupyter_gpu_containers.service.pool.spares import Spare
from tests.kernels import Kernel, running
from tests.rooms import Room

# what a person can see of the kernel that they are in
FACTS = """
import gc, json, os, re, signal, sys, threading
from IPython import get_ipython
def facts(shell):
    history = shell.history_manager
    rows = history.db.execute("SELECT session, end, num_cmds FROM sessions").fetchall()
    return {
        "environment": dict(os.environ),
        "folder": [os.getcwd(), shell.starting_dir, [str(path) for path in _dh], shell.home_dir],
        "arguments": [sys.argv, sys.flags.safe_path if hasattr(sys.flags, "safe_path") else None],
        "path": sys.path,
        "main": [__name__, sys.modules["__main__"].__class__.__name__],
        "names": sorted(name for name in shell.user_ns if not name.startswith("_i")),
        "hidden": sorted(set(shell.user_ns) & set(shell.user_ns_hidden)),
        "session": globals().get("__session__"),
        "history": [rows, history.session_number, history.enabled],
        "startup": globals().get("started"),
        "configured": globals().get("configured"),
        "signals": {str(one): repr(signal.getsignal(one)) for one in signal.valid_signals()},
        "threads": sorted(re.sub(r"\\d+", "", thread.name) for thread in threading.enumerate()),
        "garbage": [gc.isenabled(), gc.get_threshold()],
        "streams": [type(sys.stdout).__name__, sys.stdout.name, type(sys.stderr).__name__],
        "extensions": sorted(shell.extension_manager.loaded),
        "hooks": [sys.excepthook.__name__, type(sys.displayhook).__name__],
        "debugger": ["debugpy" in sys.modules, sys.gettrace() is None],
        "same user": [os.getuid(), os.getgid(), os.umask(0o22), os.nice(0)],
        "first process": os.getppid() in (0, 1),
    }
print(json.dumps(facts(get_ipython())))
"""
STARTUP = "import os\nstarted = [os.getcwd(), os.environ.get('JPY_SESSION_NAME')]\n"
CONFIGURATION = (
    "import os\nc = get_config()\n"
    "c.IPKernelApp.exec_lines = ['configured = ' + repr([os.getcwd(), dict(os.environ)"
    ".get('JPY_SESSION_NAME')])]\n"
)
SLEEP = "print('begun', flush=True)\nimport time\ntime.sleep(60)"


@pytest.fixture
def room(any_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(MemoryBackend, "demo", False)  # processes can wait as well
    return any_room


async def environment_of(room: Room, image: str, variables: dict[str, str]) -> Environment:
    """Add an environment whose kernelspec sets variables."""
    environment = await room.environment(image)
    spec = room.data / "kernels" / environment.name / "kernel.json"
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "env": variables}))
    return environment


async def came_to_wait(spare: Spare) -> None:
    pipe = Path(spare.seat.run_dir, PIPE_FILE)
    await asyncio.to_thread(lambda: pipe.open("wb").close())  # opens when somebody reads


@asynccontextmanager
async def started_ahead(
    room: Room, environment: Environment, variables: dict[str, str], **start: Any
) -> AsyncIterator[Kernel]:
    """Take what waited, once it has come to where it waits."""
    spares = room.services.kernels.spares
    spare = await spares.make(environment, variables)
    assert spare is not None
    await came_to_wait(spare)
    assert spares.promise(environment.name) == spare.kernel_id
    async with running(environment.name, kernel_id=spare.kernel_id, **start) as kernel:
        assert await kernel.container_id() == spare.container_id
        yield kernel


async def facts_of(kernel: Kernel) -> dict[str, Any]:
    text = await kernel.run(FACTS)
    run_dir = os.path.dirname(kernel.manager.ip)
    told = text.replace(run_dir, "RUN").replace(os.path.basename(run_dir), "RUN")
    found: dict[str, Any] = json.loads(told)
    for name in ("HOSTNAME", "HOME", "JGC_KERNEL_ID"):  # of this container alone
        found["environment"].pop(name, None)
    found["folder"].pop()
    return found


async def compare(room: Room, image: str, *, configured: bool) -> None:
    """Start one after the other in a notebook's folder, with a startup file."""
    ipython = room.workspace / "ipython"
    folder = room.workspace / "sub"
    (ipython / "profile_default" / "startup").mkdir(parents=True)
    folder.mkdir()
    (ipython / "profile_default" / "startup" / "begin.py").write_text(STARTUP)
    if configured:
        (ipython / "profile_default" / "ipython_config.py").write_text(CONFIGURATION)
    variables = {"IPYTHONDIR": str(ipython), "PYTHONPATH": "libraries:/elsewhere"}
    notebook = str(folder / "a.ipynb")
    start = {"cwd": str(folder), "env": {**os.environ, "JPY_SESSION_NAME": notebook}}
    environment = await environment_of(room, image, variables)
    async with started_ahead(room, environment, variables, **start) as kernel:
        ahead = await facts_of(kernel)
        assert not [name for name in os.listdir(folder) if name != "a.ipynb"]
    async with running(environment.name, **start) as kernel:
        asked_for = await facts_of(kernel)
    assert ahead["startup"] == [str(folder), notebook]
    assert ahead["configured"] == ([str(folder), notebook] if configured else None)
    # each has a session of its own, and what nobody has taken has none
    assert [rows[0] for rows in ahead["history"][0]] == [1]
    assert [rows[0] for rows in asked_for["history"][0]] == [1, 2]
    assert (ahead.pop("history")[1:], asked_for.pop("history")[1:]) == ([1, True], [2, True])
    assert ahead == asked_for


@pytest.mark.parametrize("configured", [False, True])
async def test_it_is_as_any_other(room: Room, configured: bool) -> None:
    await compare(room, room.image, configured=configured)


@pytest.mark.engine
async def test_it_is_as_any_other_of_another_version(
    engine_room: Room, images: SimpleNamespace
) -> None:
    await compare(engine_room, images.debian13, configured=False)


async def test_it_has_its_sockets_while_it_waits_and_no_heartbeat(room: Room) -> None:
    """Who takes it awaits the first beat; a key is a container's own."""
    environment = await room.environment(room.image)
    spares = room.services.kernels.spares
    first, second = await spares.make(environment, {}), await spares.make(environment, {})
    assert first is not None
    assert second is not None
    assert first.connection["key"] != second.connection["key"]
    for spare in (first, second):
        await came_to_wait(spare)
        there = os.listdir(spare.seat.run_dir)
        sockets = sorted(name for name in there if name.startswith(f"{SOCKET_NAME}-"))
        assert sockets == [f"{SOCKET_NAME}-{port}" for port in (1, 2, 3, 4)]
        assert spare.connection["hb_port"] == 5
    await spares.close()


async def test_it_can_be_interrupted_and_ends_with_its_own_code(room: Room) -> None:
    environment = await room.environment(room.image)
    start = {"cwd": str(room.workspace)}
    async with started_ahead(room, environment, {}, **start) as kernel:
        sleeping = await kernel.begin(SLEEP)
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await sleeping
        said = await kernel.run("print('out'); import os; os.system('echo err >&2')")
        assert {"out", "err"} <= set(said.replace("0", "").split())
        kernel.client.execute("import os; os._exit(7)")
        assert await kernel.ended() == 7
