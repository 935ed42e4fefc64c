"""Starts the ipykernel of an image, without what it needs only later. Runs inside, Python >= 3.6.

Two things take a third of a kernel's start: looking for garbage among modules that stay, and the
debugger, which hardly anybody asks for. The first is put off until the kernel runs; the second is
imported when somebody debugs. JupyterLab's question what there is to debug, once a notebook is
open, is answered without it. A kernel that has started is as any other.

The environment is that of ``python -m ipykernel_launcher``: `sys.path`, `sys.argv`, ``__main__``.

Where a named pipe lies beside the kernel's connection file, the kernel is started ahead: what it
needs is imported, then it waits for the one who takes it (`model.kernel.spare`).
"""

import ast
import asyncio
import gc
import importlib.machinery
import importlib.util
import json
import logging
import os
import runpy
import stat
import sys
import time
import types
import typing

CONNECTION_FILE = "connection.json"
PIPE_FILE = "wait"
HANDOVER_FILE = "handover.json"
DEBUGGER = "ipykernel.debugger"
QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"


def _load_debugger() -> types.ModuleType:
    """Import the real module, in place of the one that stands for it."""
    stand_in = sys.modules.pop(DEBUGGER, None)
    # What it has to say about Python's frozen modules would be output of whatever cell runs now:
    # JupyterLab asks what the debugger knows as soon as a notebook is open.
    said = os.environ.get(QUIET)
    os.environ[QUIET] = "1"
    try:
        return importlib.import_module(DEBUGGER)
    except BaseException:
        if stand_in is not None:
            sys.modules[DEBUGGER] = stand_in
        raise
    finally:
        if said is None:
            del os.environ[QUIET]
        else:
            os.environ[QUIET] = said


def _from_debugger(name: str) -> object:
    """Look up what the stand-in has not; what Python itself asks modules for wakes nobody."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_load_debugger(), name)


class _NeverStarted:
    """A debugger's state as long as nobody has debugged anything."""

    is_started = False
    breakpoint_list = types.MappingProxyType({})  # type: types.MappingProxyType[str, object]
    stopped_threads = ()


def _debug_info() -> typing.Any:
    """Return ipykernel's own method that tells what a debugger knows, without its module.

    That imports the debugger. The method alone needs where cells are kept, and nothing else.
    """
    import ipykernel

    spec = importlib.machinery.PathFinder.find_spec(DEBUGGER, ipykernel.__path__)
    source = spec.loader.get_source(DEBUGGER)  # type: ignore[union-attr]
    (method,) = [
        part
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "Debugger"
        for part in node.body
        if getattr(part, "name", "") == "debugInfo"
    ]
    module = ast.parse("")
    module.body = [method]
    from ipykernel import compiler

    names = {**vars(compiler), "os": os}
    exec(compile(module, "<" + DEBUGGER + ">", "exec"), names)
    return names["debugInfo"]


class Debugger:
    """Stands for `ipykernel.debugger.Debugger` until somebody wants to debug.

    All its methods are called in the control channel's thread, by that thread's event loop.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._made_of = args, kwargs
        self._real = None  # type: object
        self._woken = None  # type: asyncio.Future[None] | None

    def _wake(self) -> object:
        if self._real is None:
            args, kwargs = self._made_of
            self._real = _load_debugger().Debugger(*args, **kwargs)
            if self._woken is not None:
                self._woken.set_result(None)
        return self._real

    async def process_request(self, message: typing.Any) -> object:
        """Answer what JupyterLab asks of any kernel; wake the debugger for everything else."""
        if self._real is None and message.get("command") == "debugInfo":
            try:
                return await _debug_info()(_NeverStarted, message)
            except Exception as exc:  # noqa: BLE001  another ipykernel: its debugger knows
                logging.getLogger("ipykernel").debug("debugInfo: %r", exc)
        return await self._wake().process_request(message)  # type: ignore[attr-defined]

    async def handle_stopped_event(self) -> None:
        """Wait for the debugged program to stop; it cannot before it is debugged."""
        if self._real is None:
            self._woken = asyncio.get_event_loop().create_future()
            await self._woken
        await self._wake().handle_stopped_event()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._wake(), name)


def defer_debugger() -> None:
    """Have the debugger imported when it is wanted; does nothing where there is none."""
    if importlib.util.find_spec("debugpy") is None:
        return  # ipykernel finds that out by itself, and at no cost
    stand_in = types.ModuleType(DEBUGGER, "Imported when somebody debugs.")
    stand_in.Debugger = Debugger  # type: ignore[attr-defined]
    stand_in._is_debugpy_available = True  # type: ignore[attr-defined]
    stand_in.__spec__ = importlib.util.spec_from_loader(DEBUGGER, loader=None)
    stand_in.__getattr__ = _from_debugger  # type: ignore[method-assign]  # PEP 562
    sys.modules[DEBUGGER] = stand_in


def import_kernel() -> types.ModuleType:
    """Import what an ipykernel needs to start, and return the module of its application."""
    gc.disable()  # what is imported stays: to look for garbage meanwhile is a tenth of the start
    try:
        defer_debugger()
        from ipykernel import ipkernel, kernelapp  # noqa: F401  the first is half of the imports
    finally:
        gc.enable()
    return kernelapp


def wait_to_be_taken(arguments: "list[str]") -> None:
    """Wait for whom the kernel is, and go where it is to work; returns at once for most kernels.

    Parameters
    ----------
    arguments : list of str
        The kernel's; one of them names its connection file.
    """
    folders = [
        os.path.dirname(path)
        for path in (argument.rpartition("=")[2] for argument in arguments)
        if os.path.basename(path) == CONNECTION_FILE
    ]
    pipe = os.path.join(folders[0], PIPE_FILE) if folders else ""
    try:
        is_pipe = stat.S_ISFIFO(os.lstat(pipe).st_mode)
    except OSError:
        return
    if not is_pipe:
        return
    handover = os.path.join(folders[0], HANDOVER_FILE)
    # For both directions, so that it is open at once, and is never at its end. Who takes the kernel
    # first writes the file: it is seen here, or its byte is.
    descriptor = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
    try:
        while not os.path.exists(handover):  # it is there when a kernel is restarted
            os.read(descriptor, 1)
    finally:
        os.close(descriptor)
    with open(handover, encoding="utf-8") as file:
        told = json.load(file)
    os.environ.update(told["env"])
    time.tzset()
    _move(told["cwd"])


def _move(folder: str) -> None:
    """Change the folder; what PYTHONPATH names relative to it is meant from the new one."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    relative = [entry for entry in given if entry and not os.path.isabs(entry)]
    before = [os.path.abspath(entry) for entry in relative]
    os.chdir(folder)
    for entry, was in zip(relative, before):  # noqa: B905  Python 3.10
        if was in sys.path:
            sys.path[sys.path.index(was)] = os.path.abspath(entry)


def main() -> None:
    """Start the kernel."""
    here = os.path.dirname(os.path.realpath(__file__))
    # the script's folder comes first, unless Python was told to be safe (-P, PYTHONSAFEPATH)
    is_first = bool(sys.path) and os.path.realpath(sys.path[0]) == here
    if is_first:
        del sys.path[0]
    import_kernel()
    wait_to_be_taken(sys.argv[1:])
    if is_first:
        sys.path.insert(0, os.getcwd())  # as for `python -m`; most launchers take it away again
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
