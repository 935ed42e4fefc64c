"""How a kernel leaves whose modules Python is not to take apart. Runs inside, Python >= 3.7.

To look for garbage among all modules is half of the time that a kernel takes to end, so these are
left out (`gc.freeze`, in ``quick_start.py``). What came later is a person's, and ends here.
"""

import contextlib
import gc
import io
import sys


def let_go() -> None:
    """Let objects end that are a person's, and write what their files hold, before Python ends.

    Python itself does so on its way through everything that is there, which it leaves out now.
    """
    shells = sys.modules.get("IPython.core.interactiveshell")
    shell = shells and shells.InteractiveShell._instance
    names = getattr(shell, "user_ns", {})
    shown = names.get("_oh")
    if isinstance(shown, dict):
        shown.clear()
    for name in reversed(list(names)):  # what an object's end needs was mostly there before it
        if name != "__builtins__":
            names[name] = None
    gc.collect()
    for one in gc.get_objects():  # of a file that something else still has
        if issubclass(type(one), io.IOBase):
            with contextlib.suppress(OSError, ValueError):  # closed, or a disk is full
                one.flush()
