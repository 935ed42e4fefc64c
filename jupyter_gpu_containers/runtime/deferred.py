"""What of a kernel is imported when it is wanted, not when it starts. Runs inside, Python >= 3.6.

The debugger, which hardly anybody asks for: JupyterLab's question what there is to debug, once a
notebook is open, is answered without it. And the half of jupyter_client that starts kernels and
speaks to them, which no kernel needs; ipykernel imports it by the package's name alone. Who does
want one of these finds it, a little later than usual.
"""

import ast
import asyncio
import importlib.machinery
import importlib.util
import logging
import os
import sys
import threading
import types
import typing

DEBUGGER = "ipykernel.debugger"
QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"
CLIENT = "jupyter_client"
PART = "connect"  # of jupyter_client: all that ipykernel wants of the package itself
RESOLVE = "_resolve_classes"  # of `traitlets.Type`
ASKED_FOR = ("__all__", "__version__")  # by people; the other names of this kind by Python itself


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


class _Package(types.ModuleType):
    """jupyter_client, whose own code runs when somebody asks for what it is to bring."""

    _lock = threading.RLock()
    _is_loading = False  # by the thread that has the lock, whose imports come back here

    def __init__(self, spec: "importlib.machinery.ModuleSpec") -> None:
        super().__init__(spec.name)
        self.__spec__ = spec
        self.__loader__ = spec.loader
        self.__file__ = spec.origin
        self.__path__ = list(spec.submodule_search_locations or ())
        self.__package__ = spec.name
        self.__cached__ = spec.cached

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in ASKED_FOR:
            raise AttributeError(name)
        part = importlib.import_module(self.__name__ + "." + PART)
        if name in getattr(part, "__all__", ()):
            return getattr(part, name)
        _Package._load(self)  # by its name: another thread may have ended the class's part
        return object.__getattribute__(self, name)

    def __dir__(self) -> "list[str]":
        self._load()
        return sorted(vars(self))

    def _load(self) -> None:
        with _Package._lock:
            if _Package._is_loading or type(self) is not _Package:
                return
            _Package._is_loading = True
            try:
                self.__spec__.loader.exec_module(self)  # type: ignore[union-attr]
                self.__class__ = types.ModuleType  # type: ignore[assignment]  # as any other now
            finally:
                _Package._is_loading = False


def defer_client() -> None:
    """Have jupyter_client's managers and clients imported when they are wanted."""
    if CLIENT in sys.modules:
        return
    spec = importlib.util.find_spec(CLIENT)
    if spec is not None and spec.submodule_search_locations:
        sys.modules[CLIENT] = _Package(spec)
        _defer_class(importlib.import_module(CLIENT + "." + PART))


def _defer_class(connect: types.ModuleType) -> None:
    """Have the kernel's application not look for a client's class before somebody asks for it.

    Traits look for the classes that they name by words when their object is made, and again when
    they are asked.
    """
    trait = vars(getattr(connect, "ConnectionFileMixin", object)).get("blocking_class")
    if isinstance(getattr(trait, "default_value", None), str) and hasattr(trait, RESOLVE):
        setattr(trait, RESOLVE, lambda: None)
