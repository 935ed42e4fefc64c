"""Ctrl-C, SIGTERM and a closed terminal: the first ends a command in order, the next at once.

One command runs in a process; what came is kept for its exit status.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_came: list[int] = []  # signals, in order
_acts: list[Callable[[], object]] = []  # the innermost command's counts


def forget() -> None:
    """Begin a command."""
    _came.clear()
    _acts.clear()


def status() -> int | None:
    """Return 128 and the number of the signal that came, as a shell says it; None for none."""
    return 128 + _came[0] if _came else None


@contextmanager
def on_signal(act: Callable[[], object]) -> Iterator[None]:
    """Call this, in the running loop, when a signal comes that asks this program to end.

    Then the next one ends it at once: an engine that is silent keeps threads busy, for which
    Python would wait. What is left of a container then, the next reconciliation of anybody removes.
    """
    loop = asyncio.get_running_loop()
    _acts.append(act)
    _listen(loop)
    try:
        yield
    finally:
        _acts.pop()
        _listen(loop)


def _listen(loop: asyncio.AbstractEventLoop) -> None:
    if threading.current_thread() is not threading.main_thread() or _came:
        return  # signals are the main thread's; and one that came is being obeyed
    for signum in _minded():
        if _acts:
            loop.add_signal_handler(signum, _obey, loop, signum)
        else:
            loop.remove_signal_handler(signum)


def _minded() -> list[signal.Signals]:
    """Return all but SIGHUP where it is ignored, which is what ``nohup`` is for."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [each for each in SIGNALS if each != signal.SIGHUP or not ignored]


def _obey(loop: asyncio.AbstractEventLoop, signum: int) -> None:
    if _came:  # `asking` has answered it
        return
    act = _acts[-1]
    _came.append(signum)
    for each in _minded():
        loop.remove_signal_handler(each)
        signal.signal(each, signal.SIG_DFL)
    act()


@contextmanager
def asking() -> Iterator[None]:
    """Let a signal end what this thread waits for: a password, the end of standard input.

    Raises `KeyboardInterrupt` there, so that a terminal which does not echo is put right again. A
    thread of its own could not be ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        _came.append(signum)
        raise KeyboardInterrupt

    before = {signum: signal.signal(signum, interrupt) for signum in _minded()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, signal.SIG_DFL if _came else handler)
