"""SIGTERM and SIGHUP of programs that do not mind them: something is put right before they die.

Python ends at once then, without `atexit`: papermill that a scheduler ends, or a console whose
terminal is closed, would leave its container behind.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
PATIENCE = 15.0  # seconds; what is not done by then, a reconciliation does


def before_death(act: Callable[[], object]) -> None:
    """Call this, in a thread, before a signal ends this process; it still dies of the signal.

    The next signal ends it at once. Signals that the program handles or ignores (``nohup``) stay
    its own, and so do all where this is not its main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    minded = [each for each in SIGNALS if signal.getsignal(each) is signal.SIG_DFL]

    def obey(number: int, _frame: FrameType | None) -> None:
        for each in minded:
            signal.signal(each, signal.SIG_DFL)
        acting = threading.Thread(target=act, daemon=True)
        acting.start()
        acting.join(PATIENCE)
        os.kill(os.getpid(), number)

    for each in minded:
        signal.signal(each, obey)
