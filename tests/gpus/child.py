"""Runs a scenario in a process of its own, which loads the driver library afresh.

For each library and module of scenarios there is one process that has imported the module and has
loaded no library; a scenario's process is forked from it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any, TypeVar

from tests.doubles import ROOT
from tests.doubles.nvml import FakeDriver

T = TypeVar("T")
PATIENCE = 60  # seconds


def run_with(
    driver: FakeDriver,
    scenario: Callable[..., Awaitable[T]],
    *args: Any,
    env: Mapping[str, str] | None = None,
) -> T:
    """Run ``scenario(driver, *args)``, an importable coroutine function, and return its result.

    The process has this one's environment, or ``env``, with the driver's variables.
    """
    variables = {**(os.environ if env is None else env), **driver.env}
    parent = parent_of(driver.env["LD_LIBRARY_PATH"], scenario.__module__)
    result: T = parent((scenario, driver, args), variables)
    return result


@cache
def parent_of(library_path: str, module: str) -> Parent:
    """Return the process for this LD_LIBRARY_PATH, which counts only where it is there at once."""
    return Parent(library_path)


class Parent:
    """The process that those of scenarios are forked from, as a test sees it."""

    def __init__(self, library_path: str) -> None:
        self._connection, others = Pipe()
        with others:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.gpus.child", str(others.fileno())],
                env={**os.environ, "LD_LIBRARY_PATH": library_path},
                cwd=ROOT,
                pass_fds=[others.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def __call__(self, what: tuple[Any, ...], env: Mapping[str, str]) -> Any:
        self._connection.send((env, pickle.dumps(what)))
        send_handle(self._connection, 2, None)  # standard error, as it is now
        received: dict[str, Any] = {}
        while "status" not in received:
            if not self._connection.poll(PATIENCE):
                os.killpg(self._process.pid, 9)
                parent_of.cache_clear()
                raise TimeoutError(f"{what[0].__name__} has not ended after {PATIENCE} s")
            received.update(self._connection.recv())
        assert received["status"] == 0, f"{what[0].__name__} failed; see standard error"
        return received["value"]

    def close(self) -> None:
        """End it; it reads that there is nothing more to do."""
        self._connection.close()
        self._process.wait()


def main(connection: Connection) -> None:
    """Fork a process for each scenario; that process returns from here, and ends as any other."""
    while True:
        try:
            env, what = connection.recv()
        except EOFError:
            return
        errors = recv_handle(connection)
        scenario, driver, args = pickle.loads(what)  # imports its module, for later ones as well
        child = os.fork()
        if child:
            os.close(errors)
            _, status = os.waitpid(child, 0)
            connection.send({"status": os.waitstatus_to_exitcode(status)})
            continue
        os.dup2(errors, 2)
        os.environ.clear()
        os.environ.update(env)
        connection.send({"value": asyncio.run(scenario(driver, *args))})
        return


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
