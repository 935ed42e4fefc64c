"""A program that starts one kernel and prints, as JSON, what each of the given cells printed.

    child.py IMAGE CELL...

With `--hold` instead of cells it says "running" and waits, for tests that end it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from jupyter_gpu_containers.config import shared_services
from tests.kernels import running


async def main(reference: str, cells: list[str]) -> None:
    """Start, run, print, shut down."""
    services = shared_services()
    image = await services.images.get(reference)
    gpus = int(os.environ.get("JGC_TEST_GPUS", "0"))
    environment = services.environments.add(image, gpus=gpus, reference=reference)
    async with running(environment.name) as kernel:
        if cells == ["--hold"]:
            print("running", await kernel.container_id(), flush=True)
            await asyncio.Event().wait()
        print(json.dumps([await kernel.run(cell) for cell in cells]))
    services.close()


asyncio.run(main(sys.argv[1], sys.argv[2:]))
