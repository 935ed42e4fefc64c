"""A program that starts kernels over an engine on whose calls it may not rely; see `faults.py`.

``python -m rigs.reliability.faulty_worker ENVIRONMENT STARTS AT_ONCE SEED`` prints JSON objects:
what came of each start and of each end; "ready" when all are through. A line on standard input
tells that the faults are over: then what still runs is ended, everything is reconciled once, and
"reconciled" printed. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import traceback
from collections.abc import Awaitable
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.config import shared_services
from jupyter_gpu_containers.errors import GpuContainersError

PATIENCE = 6  # seconds that an answer may take; a delayed one may take longer
AGAIN = 3  # attempts to end a kernel before it is left for later
HOLD = 0.5  # seconds that a kernel runs, at most


def say(**what: Any) -> None:
    """Print what happened."""
    print(json.dumps(what), flush=True)


async def tell(what: str, work: Awaitable[Any]) -> bool:
    """Do something and say how it went; an error without a type of ours is a bug."""
    try:
        await work
    except GpuContainersError as exc:
        say(what=what, code=exc.error_code, message=exc.message, hint=exc.hint)
        return False
    except Exception:  # noqa: BLE001 (what is told is counted, and misses the goal)
        say(what=what, bug=traceback.format_exc())
        return False
    say(what=what, code="")
    return True


async def live(name: str, starts: list[int], seed: int, left: list[AsyncKernelManager]) -> None:
    """Start kernels one after the other, as long as there are some to start."""
    rng = random.Random(seed)
    while starts:
        starts.pop()
        manager = AsyncKernelManager(kernel_name=name)
        if not await tell("start", manager.start_kernel()):
            continue
        await asyncio.sleep(rng.random() * HOLD)
        for _ in range(AGAIN):
            if await tell("end", manager.shutdown_kernel(now=True)):
                break
        else:
            left.append(manager)


async def main(name: str, starts: int, at_once: int, seed: int) -> None:
    """Go through all of it."""
    logging.getLogger().setLevel(logging.CRITICAL)  # jupyter_client logs each failure, too
    services = shared_services()
    assert isinstance(services.backend, DockerBackend)
    services.backend._timeout = PATIENCE
    left: list[AsyncKernelManager] = []
    todo = list(range(starts))
    await asyncio.gather(*(live(name, todo, seed + i, left) for i in range(at_once)))
    say(ready=True)
    await asyncio.to_thread(sys.stdin.readline)
    for manager in left:
        await tell("late end", manager.shutdown_kernel(now=True))
    await tell("reconcile", services.claims.reconcile())
    services.kernels.seats.sweep([])
    say(reconciled=True)
    await asyncio.to_thread(sys.stdin.read)
    services.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
