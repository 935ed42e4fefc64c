"""How a kernel leaves whose modules Python is not to take apart. Runs inside, Python >= 3.7.

To look for garbage among all modules is half of the time that a kernel takes to end, so these are
left out (`gc.freeze`, in ``quick_start.py``). What came later is a person's, and ends here.
"""

import contextlib
import gc
import io


def let_go() -> None:
    """Let objects end that are a person's, and write what their files hold, before Python ends.

    Python itself does so on its way through everything that is there, which it leaves out now.
    IPython has forgotten a person's variables by then; what is left of these are cycles.
    """
    gc.collect()
    for one in gc.get_objects():  # of a file that something else still has
        if issubclass(type(one), io.IOBase):
            with contextlib.suppress(OSError, ValueError):  # closed, or a disk is full
                one.flush()
