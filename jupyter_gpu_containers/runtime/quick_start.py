"""Starts the ipykernel of an image, without what it needs only later. Runs inside, Python >= 3.6.

Two things take a third of a kernel's start: looking for garbage among modules that stay, and
modules that hardly anybody asks for. The first is put off until the kernel runs; the second are
imported when somebody does (`deferred.py`). A kernel that has started is as any other.
The environment is that of ``python -m ipykernel_launcher``: `sys.path`, `sys.argv`, ``__main__``.

Where a named pipe lies beside the kernel's connection file, the kernel is started ahead: as far as
that does not depend on the one who takes it, for whom it waits then (`model.kernel.spare`).
"""

import atexit
import contextlib
import gc
import importlib.util
import io
import json
import os
import pathlib
import runpy
import stat
import sys
import time
import tokenize
import types
import typing

CONNECTION_FILE = "connection.json"
PIPE_FILE = "wait"
HANDOVER_FILE = "handover.json"
MODULES_FILE = "modules.json"
SESSION_NAME = "JPY_SESSION_NAME"
NOT_KNOWN = "not known yet"


def _beside(name: str) -> types.ModuleType:
    """Import a file that lies beside this one."""
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("jupyter_gpu_containers_" + name, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def import_kernel() -> types.ModuleType:
    """Import what an ipykernel needs to start, and return the module of its application."""
    if "ipykernel.kernelapp" in sys.modules:  # by the process that this one was forked from
        return sys.modules["ipykernel.kernelapp"]
    gc.disable()  # what is imported stays: to look for garbage meanwhile is a tenth of the start
    try:
        deferred = _beside("deferred")
        deferred.defer_debugger()
        deferred.defer_client()
        from ipykernel import ipkernel, kernelapp  # noqa: F401  the first is half of the imports

        if hasattr(gc, "freeze"):  # Python 3.7
            gc.freeze()  # nobody looks for garbage among modules when the kernel ends, either
            atexit.register(_beside("leaving").let_go)  # the last of all to be called
    finally:
        gc.enable()
    return kernelapp


def wait_to_be_taken(arguments: "list[str]") -> "Ahead | None":
    """Wait for whom the kernel is, and go where it is to work; returns at once for most kernels.

    It also does where the kernel itself is to wait, later in its start; that is returned.

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
        return None
    if not is_pipe:
        return None
    is_taken = os.path.exists(os.path.join(folders[0], HANDOVER_FILE))
    has_key = os.path.exists(os.path.join(folders[0], CONNECTION_FILE))
    if has_key and not is_taken and can_start_ahead():
        return Ahead(folders[0])
    _be_told(folders[0])
    return None


def _be_told(folder: str) -> None:
    """Wait for the file that tells whom the kernel is for, and do what it says."""
    handover = os.path.join(folder, HANDOVER_FILE)
    if not os.path.exists(handover):  # it is there when a kernel is restarted
        import_ahead(os.path.join(folder, MODULES_FILE))
    # For both directions, so that it is open at once, and is never at its end. Who takes the kernel
    # first writes the file: it is seen here, or its byte is.
    descriptor = os.open(os.path.join(folder, PIPE_FILE), os.O_RDWR | os.O_CLOEXEC)
    try:
        while not os.path.exists(handover):
            os.read(descriptor, 1)
    finally:
        os.close(descriptor)
    with open(handover, encoding="utf-8") as file:
        told = json.load(file)
    os.environ.update(told["env"])
    time.tzset()
    _move(told["cwd"])


def import_ahead(names: str) -> None:
    """Import the modules that a file names; one that cannot be is the affair of who wants it."""
    try:
        with open(names, encoding="utf-8") as file:
            modules = json.load(file)
    except FileNotFoundError:
        return
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as exc:  # noqa: BLE001  whatever it does, the kernel can be used without
            print("not imported ahead: %s: %r" % (module, exc), file=sys.__stderr__)  # noqa: UP031


def _move(folder: str) -> None:
    """Change the folder; what PYTHONPATH names relative to it is meant from the new one."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    relative = [entry for entry in given if entry and not os.path.isabs(entry)]
    before = [os.path.abspath(entry) for entry in relative]
    os.chdir(folder)
    for entry, was in zip(relative, before):  # noqa: B905  Python 3.10
        if was in sys.path:
            sys.path[sys.path.index(was)] = os.path.abspath(entry)


def can_start_ahead() -> bool:
    """Tell whether the kernel is one whose start is known here."""
    try:
        from ipykernel._version import __version__
        from ipykernel.kernelapp import IPKernelApp
        from IPython.core.history import HistoryManager
    except ImportError:
        return False
    steps = ("load_config_file", "init_heartbeat", "init_kernel", "init_path")  # in this order
    version = __version__.split(".")[0]
    is_known = version in ("6", "7") and hasattr(HistoryManager, "new_session")
    return is_known and all(hasattr(IPKernelApp, step) for step in steps)


class Ahead:
    """A kernel that is started before anybody has asked for it.

    ipykernel's application makes its sockets and its shell as always, then waits. What people may
    have written, such as extensions and startup files, runs afterwards; where they have configured
    something, it waits before that is read. What the shell knows of where it is, it learns anew.
    The heartbeat begins when the kernel was taken, and tells so.

    Parameters
    ----------
    folder : str
        Of the pipe.
    """

    def __init__(self, folder: str) -> None:
        from ipykernel.kernelapp import IPKernelApp
        from IPython.core.history import HistoryManager

        self._folder = folder
        self._stock = []  # type: list[tuple[type, str, object]]
        load_config_file = IPKernelApp.load_config_file

        def look_first(app: typing.Any, *args: object, **kwargs: object) -> None:
            self._look_for_configuration(app)
            load_config_file(app, *args, **kwargs)  # type: ignore[no-untyped-call]

        self._replace(IPKernelApp, "load_config_file", look_first)
        self._replace(IPKernelApp, "init_heartbeat", lambda app: None)
        self._replace(IPKernelApp, "init_path", lambda app: self._init_path(app))
        self._replace(HistoryManager, "new_session", lambda manager, conn=None: None)
        self._is_named = SESSION_NAME in os.environ
        if not self._is_named:
            os.environ[SESSION_NAME] = NOT_KNOWN
        self.first = None  # type: str | None  # stands first in `sys.path` for the launcher's sake

    def _replace(self, owner: type, name: str, stand_in: "typing.Callable[..., None]") -> None:
        self._stock.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, stand_in)

    def _be_taken(self) -> None:
        """Wait; from then on everything is as in any kernel."""
        if not self._is_named:
            del os.environ[SESSION_NAME]
        _be_told(self._folder)
        if self.first is not None:
            sys.path.insert(0, os.getcwd())
        for owner, name, own in self._stock:
            if own is None:  # it is inherited
                delattr(owner, name)
            else:
                setattr(owner, name, own)

    def _look_for_configuration(self, app: typing.Any) -> None:
        if self.first is not None and sys.path and sys.path[0] is self.first:
            del sys.path[0]  # this launcher does not take it away
        else:
            self.first = None
        names = {os.path.splitext(name)[0] for name in ["ipython_config.py", *app.config_files]}
        files = [
            os.path.join(folder, name + suffix)
            for folder in app.config_file_paths
            for name in names
            for suffix in (".py", ".json")
        ]
        if any(os.path.lexists(file) for file in files):
            self._be_taken()

    def _init_path(self, app: typing.Any) -> None:
        shell = app.kernel.shell
        _compile_patterns(shell)
        self._be_taken()
        app.init_heartbeat()
        shell.starting_dir = os.getcwd()
        shell.init_environment()
        shell.history_manager.dir_hist[:] = [pathlib.Path.cwd()]
        if shell.user_ns.get("__session__") == NOT_KNOWN:
            del shell.user_ns["__session__"]
            if os.environ.get(SESSION_NAME):
                shell.user_ns["__session__"] = os.environ[SESSION_NAME]
        _begin_history(shell.history_manager)
        app.init_path()


def _compile_patterns(shell: typing.Any) -> None:
    """Have Python and IPython make now what they keep from the first cell on: no code is run."""
    for _ in tokenize.generate_tokens(io.StringIO("1\n").readline):
        pass
    shell.display_formatter.format(1)
    for name in ("IPython.core.logger", "IPython.extensions.storemagic"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _begin_history(manager: typing.Any) -> None:
    """Begin a session, as `HistoryManager` does when it is made."""
    if not manager.enabled:  # or there is no SQLite
        return
    from sqlite3 import OperationalError

    try:
        manager.new_session()
    except OperationalError:
        manager.log.error("There is no session in %s.", manager.hist_file, exc_info=True)
        manager.hist_file = ":memory:"


def main(ready: "typing.Callable[[], None] | None" = None) -> None:
    """Start the kernel.

    Parameters
    ----------
    ready : callable, optional
        Called when the kernel is imported; it may go on when that returns.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    # the script's folder comes first, unless Python was told to be safe (-P, PYTHONSAFEPATH)
    is_first = bool(sys.path) and os.path.realpath(sys.path[0]) == here
    if is_first:
        del sys.path[0]
    import_kernel()
    if ready is not None:
        ready()
    ahead = wait_to_be_taken(sys.argv[1:])
    if is_first:
        sys.path.insert(0, os.getcwd())  # as for `python -m`; most launchers take it away again
        if ahead is not None:
            ahead.first = sys.path[0]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
