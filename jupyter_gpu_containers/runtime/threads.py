"""Work in another thread, also when the interpreter is about to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(executor: Executor | None, function: Callable[[], T]) -> T:
    """Run a function in an executor's thread and return its result.

    Handlers of `atexit` come when executors take no more work (nbclient, for one, shuts kernels
    down there); then the function runs in the calling thread, where nobody is kept waiting.

    Parameters
    ----------
    executor : Executor, optional
        None = the event loop's own.
    function : callable
    """
    try:
        future = asyncio.get_running_loop().run_in_executor(executor, function)
    except RuntimeError:
        return function()
    return await future


async def aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread that nobody waits for at the end, and return its result.

    For questions to other machines: one that is silent takes tens of seconds, in which neither
    Ctrl-C nor the server's end could end this process. An executor's threads are waited for.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from now on only the thread ends it

    def work() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as exc:  # noqa: BLE001 (told to the one who waits)
            future.set_exception(exc)

    threading.Thread(target=work, name=f"aside-{function.__name__}", daemon=True).start()
    return await asyncio.wrap_future(future)
