"""An ipykernel that starts sooner: what it leaves for later, and that it is as any other then."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.runtime import deferred, quick_start

TIMEOUT = 60.0  # seconds
PROGRAM = quick_start.__file__
DEBUGGER_ARGUMENTS = {"clientID": "test", "adapterID": "test", "pathFormat": "path"}


class Kernel:
    """A kernel and its client."""

    def __init__(self, *command: str) -> None:
        self.manager = AsyncKernelManager(kernel_name="python3")
        self.manager._kernel_spec = KernelSpec(
            argv=[sys.executable, *command, "-f", "{connection_file}"],
            display_name="Python",
            language="python",
        )
        self.client = AsyncKernelClient()

    async def start(self, folder: Path) -> None:
        await self.manager.start_kernel(cwd=str(folder), stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(TIMEOUT)

    async def value(self, code: str) -> Any:
        """Run code, and return the value of its last line."""
        reply = await self.client.execute_interactive(
            "", user_expressions={"it": f"[{code}][0]"}, timeout=TIMEOUT
        )
        return ast.literal_eval(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])

    async def look(self) -> Any:
        await self.client.execute_interactive("import gc, sys", timeout=TIMEOUT)
        return await self.value("(gc.isenabled(), sys.argv[0], sys.path, 'debugpy' in sys.modules)")

    async def debug(self, command: str, **arguments: object) -> dict[str, Any]:
        """Send a request to the debugger, and return its answer."""
        request = {"type": "request", "seq": 1, "command": command, "arguments": arguments}
        self.client.control_channel.send(self.client.session.msg("debug_request", request))
        content: dict[str, Any] = (await self.client.get_control_msg(TIMEOUT))["content"]
        return content

    async def stop(self) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)


@asynccontextmanager
async def kernel_of(folder: Path, *command: str) -> AsyncIterator[Kernel]:
    kernel = Kernel(*command)
    await kernel.start(folder)
    try:
        yield kernel
    finally:
        await kernel.stop()


async def test_all_is_as_usual_but_the_debugger(tmp_path: Path) -> None:
    async with kernel_of(tmp_path, "-m", "ipykernel_launcher") as usual:
        collects, program, path, debugs = await usual.look()
    assert (collects, debugs) == (True, True)
    async with kernel_of(tmp_path, PROGRAM) as quick:
        assert await quick.look() == (True, program, path, False)


async def test_modules_in_the_notebooks_folder_are_not_for_the_kernel(tmp_path: Path) -> None:
    for name in ("random", "traitlets", "ipykernel", "mine"):
        (tmp_path / f"{name}.py").write_text("place = 'folder'\n")
    async with kernel_of(tmp_path, PROGRAM) as quick:
        await quick.client.execute_interactive("import mine", timeout=TIMEOUT)
        assert await quick.value("mine.place") == "folder"


async def test_the_debugger_is_there_when_it_is_wanted(tmp_path: Path) -> None:
    """JupyterLab asks for what it knows first, then starts it; it stops where it was told to."""
    async with kernel_of(tmp_path, PROGRAM) as quick:
        await stop_at_a_breakpoint(quick)


async def test_what_there_is_to_debug_is_told_without_the_debugger(tmp_path: Path) -> None:
    """As JupyterLab asks of each kernel once a notebook is open."""
    async with kernel_of(tmp_path, "-m", "ipykernel_launcher") as usual:
        wanted = await told(usual)
    async with kernel_of(tmp_path, PROGRAM) as quick:
        assert await told(quick) == wanted
        await quick.client.execute_interactive("import sys", timeout=TIMEOUT)
        assert await quick.value("'debugpy' in sys.modules") is False


async def told(kernel: Kernel) -> dict[str, Any]:
    """Return what a kernel says of its debugger; cells lie in a folder named after its process."""
    answer = await kernel.debug("debugInfo")
    await kernel.client.execute_interactive("import os", timeout=TIMEOUT)
    prefix = answer["body"]["tmpFilePrefix"]
    answer["body"]["tmpFilePrefix"] = prefix.replace(str(await kernel.value("os.getpid()")), "PID")
    assert "PID" in answer["body"]["tmpFilePrefix"]
    return answer


@pytest.mark.parametrize("source", [None, "class Debugger:\n    pass\n", "!"])
async def test_where_it_cannot_be_told_the_debugger_is_asked(
    monkeypatch: pytest.MonkeyPatch, source: str | None
) -> None:
    """Of an ipykernel without sources, or of another making."""
    monkeypatch.setattr(SourceFileLoader, "get_source", lambda *_: source)

    class Real:
        async def process_request(self, message: dict[str, Any]) -> str:
            return f"{message['command']} by the real one"

    stand_in = deferred.Debugger()
    monkeypatch.setattr(stand_in, "_wake", Real)
    answer = await stand_in.process_request({"type": "request", "seq": 1, "command": "debugInfo"})
    assert answer == "debugInfo by the real one"


async def test_what_the_debugger_says_when_it_comes_is_no_output(tmp_path: Path) -> None:
    """It would be that of the last cell, whatever this was."""
    async with kernel_of(tmp_path, PROGRAM) as quick:
        await quick.client.execute_interactive("import os, sys", timeout=TIMEOUT)
        await quick.debug("initialize", **DEBUGGER_ARGUMENTS)
        look = "print('debugpy' in sys.modules, os.environ.get('PYDEVD_DISABLE_FILE_VALIDATION'))"
        request = quick.client.execute(look)
        said, is_over = "", False
        while not is_over:
            message = await quick.client.get_iopub_msg(TIMEOUT)
            said += message["content"].get("text", "")
            is_idle = message["content"].get("execution_state") == "idle"
            is_over = is_idle and message["parent_header"].get("msg_id") == request
        assert said == "True None\n"


async def stop_at_a_breakpoint(quick: Kernel) -> None:
    """Debug as JupyterLab does."""
    features = await quick.client.kernel_info(reply=True, timeout=TIMEOUT)
    assert "debugger" in features["content"]["supported_features"]
    known = await quick.debug("debugInfo")
    assert known["success"] is True
    assert known["body"]["isStarted"] is False
    started = await quick.debug("initialize", **DEBUGGER_ARGUMENTS)
    assert started["body"]["supportsConditionalBreakpoints"] is True
    assert (await quick.debug("debugInfo"))["body"]["isStarted"] is True
    attached = await quick.debug("attach", clientID="test")
    assert attached["success"] is True

    code = "stops = 1\nstops = 2"
    dumped = await quick.debug("dumpCell", code=code)
    source = {"path": dumped["body"]["sourcePath"]}
    await quick.debug("setBreakpoints", source=source, breakpoints=[{"line": 2}])
    await quick.debug("configurationDone")
    quick.client.execute(code)
    while True:
        message = await quick.client.get_iopub_msg(TIMEOUT)
        if message["msg_type"] == "debug_event" and message["content"]["event"] == "stopped":
            break
    thread = message["content"]["body"]["threadId"]
    frames = await quick.debug("stackTrace", threadId=thread)
    assert [frame["line"] for frame in frames["body"]["stackFrames"]][:1] == [2]
    await quick.debug("disconnect", restart=False, terminateDebuggee=False)


def test_without_a_debugger_nothing_stands_for_it() -> None:
    program = f"""
import importlib.util, sys
sys.modules["debugpy"] = None
spec = importlib.util.spec_from_file_location("quick_start", {PROGRAM!r})
quick_start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick_start)
quick_start.import_kernel()
from ipykernel.debugger import Debugger, _is_debugpy_available
print(Debugger.__module__, _is_debugpy_available)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "ipykernel.debugger False\n"


def test_other_names_of_the_debuggers_module_are_found() -> None:
    program = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("quick_start", {PROGRAM!r})
quick_start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick_start)
quick_start.import_kernel()
print("debugpy" in sys.modules)
from ipykernel.debugger import DebugpyClient
from ipykernel.debugger import Debugger
print("debugpy" in sys.modules, DebugpyClient.__module__, Debugger.__module__)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\nTrue ipykernel.debugger ipykernel.debugger\n"


CLIENT_PROGRAM = f"""
import importlib.util, sys, threading, types
spec = importlib.util.spec_from_file_location("quick_start", {PROGRAM!r})
quick_start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick_start)
"""
IMPORTED = "import jupyter_client\nfrom ipykernel import ipkernel, kernelapp\n"


def output(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_starts_kernels_is_imported_by_who_asks_for_it() -> None:
    look = "print(type(jupyter_client) is types.ModuleType, sorted(vars(jupyter_client)))\n"
    usual = output(f"import types\n{IMPORTED}{look}")
    quick = output(
        f"{CLIENT_PROGRAM}quick_start.import_kernel()\n{IMPORTED}"
        "from jupyter_client import write_connection_file\n"
        "print('jupyter_client.manager' in sys.modules, hasattr(jupyter_client, '__wrapped__'))\n"
        f"print(jupyter_client.KernelManager.__module__)\n{look}"
    )
    assert quick == f"False False\njupyter_client.manager\n{usual}"


@pytest.mark.parametrize(
    "code",
    [
        "print('KernelManager' in dir(jupyter_client))",
        "from jupyter_client import *; print(KernelManager is not None)",
        "print(jupyter_client.__version__ == jupyter_client._version.__version__)",
        "print(jupyter_client.manager is sys.modules['jupyter_client.manager'])",
        "print(not hasattr(jupyter_client, 'nothing'))",
        "print(jupyter_client.connect.find_connection_file is jupyter_client.find_connection_file)",
    ],
)
def test_it_is_found_in_every_way(code: str) -> None:
    program = f"{CLIENT_PROGRAM}quick_start.import_kernel()\nimport jupyter_client\n{code}"
    assert output(program) == "True\n"


def test_threads_that_ask_at_once_all_find_it() -> None:
    assert (
        output(
            f"{CLIENT_PROGRAM}quick_start.import_kernel()\n"
            "import jupyter_client\n"
            "barrier = threading.Barrier(8)\n"
            "found = []\n"
            "def ask():\n"
            "    barrier.wait()\n"
            "    found.append(jupyter_client.MultiKernelManager)\n"
            "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
            "for one in threads: one.start()\n"
            "for one in threads: one.join()\n"
            "print(len(found), len(set(found)))\n"
        )
        == "8 1\n"
    )


async def test_a_kernel_that_runs_has_not_asked_for_it(tmp_path: Path) -> None:
    async with kernel_of(tmp_path, PROGRAM) as quick:
        await quick.client.execute_interactive("import sys", timeout=TIMEOUT)
        assert await quick.value("'jupyter_client.client' in sys.modules") is False
        name = "get_ipython().kernel.parent.blocking_class.__name__"
        assert await quick.value(name) == "BlockingKernelClient"
        assert await quick.value("'jupyter_client.client' in sys.modules") is True
