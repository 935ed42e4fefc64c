"""Kernels that are started ahead, beside those that are started when they are asked for."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.spare import PIPE_FILE
from jupyter_gpu_containers.service.pool.spares import Spare
from tests.kernels import Kernel, running
from tests.rooms import Room

# what a person can see of the kernel that they are in
FACTS = """
import gc, json, os, re, signal, sys, threading
from IPython import get_ipython
def facts(shell):
    history = shell.history_manager
    rows = history.db.execute("SELECT session, end IS NULL, num_cmds FROM sessions").fetchall()
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
