"""Runs a scenario in a process of its own, which loads the driver library afresh."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from tests.doubles import ROOT
from tests.doubles.nvml import FakeDriver

T = TypeVar("T")


def run_with(
    driver: FakeDriver,
    scenario: Callable[..., Awaitable[T]],
    *args: Any,
    env: Mapping[str, str] | None = None,
) -> T:
    """Run ``scenario(driver, *args)``, an importable coroutine function, and return its result.

    The process has this one's environment, or ``env``, with the driver's variables.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpus.child"],
        input=pickle.dumps((scenario, driver, args)),
        stdout=subprocess.PIPE,
        env={**(os.environ if env is None else env), **driver.env},
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    result: T = pickle.loads(done.stdout)
    return result


if __name__ == "__main__":
    scenario, driver, args = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(asyncio.run(scenario(driver, *args))))
