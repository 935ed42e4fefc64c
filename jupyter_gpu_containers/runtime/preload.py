"""Imports ahead what kernels are forked with. Runs inside, by any Python since 3.6.

A framework that takes seconds to import is so imported once in a container, also when its kernel is
restarted. Only where a fork is as good as a process of its own: where it has no thread of which
the fork would have but the locks, and no device is open, of which a fork could not go on with the
state (CUDA). Libraries that end their threads for a fork and begin them when they are used, as
OpenBLAS does, are no hindrance.
"""

import contextlib
import gc
import os
import sys
import types

THREADS = "/proc/self/task"
OPEN_FILES = "/proc/self/fd"
PLACES = ("/dev/nvidia", "/dev/dri", "/dev/kfd")  # of devices whose state is a process's own


def preload(quick_start: "types.ModuleType", modules: str) -> bool:
    """Import a kernel and modules; tell whether kernels can be forked from this process now.

    Parameters
    ----------
    quick_start : module
        `quick_start.py`.
    modules : str
        The file that names them.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    first = [folder for folder in sys.path[:1] if os.path.realpath(folder) == here]
    del sys.path[: len(first)]  # nobody wants to import what lies there
    try:
        with contextlib.suppress(ImportError):  # who starts the kernel says so
            quick_start.import_kernel()
        quick_start.import_ahead(modules)
    finally:
        sys.path[:0] = first
    if hasattr(gc, "freeze"):  # Python 3.7
        gc.freeze()  # who looks for garbage would write to every page of it
    return _can_be_forked()


def _can_be_forked() -> bool:
    try:
        process = os.fork()  # libraries do now what they do for each
        if process == 0:
            os._exit(0)
        os.waitpid(process, 0)
        return len(os.listdir(THREADS)) == 1 and not any(_is_device(name) for name in _open_files())
    except OSError:
        return False


def _open_files() -> "list[str]":
    return [os.path.join(OPEN_FILES, name) for name in os.listdir(OPEN_FILES)]


def _is_device(link: str) -> bool:
    try:
        return os.readlink(link).startswith(PLACES)
    except OSError:  # the one of the list itself, which is closed
        return False


def begin() -> None:
    """Be a process of its own, after a fork: no two kernels shall draw the same numbers.

    Python (since 3.7) and most libraries see to that themselves, or begin with constants.
    """
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed()
