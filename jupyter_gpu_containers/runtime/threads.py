"""Work in another thread, also when the interpreter is about to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

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
