"""Kernels as a client of jupyter_client drives them: started, given cells, ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from jupyter_gpu_containers.provisioner import ContainerProvisioner

CELL_TIMEOUT = 30.0  # seconds


@dataclass
class Kernel:
    """A kernel and one client of it."""

    manager: AsyncKernelManager
    client: AsyncKernelClient

    @property
    def provisioner(self) -> ContainerProvisioner:
        """Our side of it."""
        assert isinstance(self.manager.provisioner, ContainerProvisioner)
        return self.manager.provisioner

    async def container_id(self) -> str:
        """Return the id of its container, as a manager would keep it."""
        return str((await self.provisioner.get_provisioner_info())["container_id"])

    async def run(self, code: str) -> str:
        """Run a cell; return what it printed, or how it failed."""
        return await run_cell(self.client, code)

    async def begin(self, code: str) -> asyncio.Task[str]:
        """Run a cell in the background; returns when the cell has printed something.

        The cell prints a line when it is about to do what the test is about.
        """
        printed = asyncio.Event()
        task = asyncio.ensure_future(run_cell(self.client, code, printed))
        waiter = asyncio.ensure_future(printed.wait())
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        assert printed.is_set(), f"the cell ended and printed nothing: {task}"
        return task

    async def begin_silently(self, code: str, mark: Path) -> asyncio.Task[str]:
        """Run a cell in the background; returns when the cell has made a file.

        For cells that hold the GIL: what they print is sent by another thread, so never.
        """
        task = asyncio.ensure_future(run_cell(self.client, code))

        def wait() -> None:
            while not mark.exists() and not task.done():
                time.sleep(0.01)

        await asyncio.to_thread(wait)
        assert not task.done(), task
        return task

    async def answers_again(self) -> None:
        """Wait until the kernel answers this client, after a restart."""
        await self.client.wait_for_ready(timeout=CELL_TIMEOUT)

    async def ended(self) -> int:
        """Wait until `poll` tells that the kernel has ended; return its exit code."""
        await asyncio.wait_for(self.provisioner.wait(), CELL_TIMEOUT)
        code = await self.provisioner.poll()
        assert code is not None
        return code


async def run_cell(
    client: AsyncKernelClient, code: str, printed: asyncio.Event | None = None
) -> str:
    """Run a cell; return its streams' text, its result, or its error's name and value."""
    parts: list[str] = []

    def output(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            parts.append(content["text"])
        elif message["msg_type"] == "error":
            parts.append(f"{content['ename']}: {content['evalue']}")
        elif message["msg_type"] == "execute_result":
            parts.append(content["data"]["text/plain"])
        if printed is not None and parts:
            printed.set()

    # A cell that fails makes ipykernel drop what arrives in the next moment, unless told not to.
    reply = await client.execute_interactive(
        code, output_hook=output, timeout=CELL_TIMEOUT, allow_stdin=False, stop_on_error=False
    )
    # "abort" is what R's kernel says of a cell that was interrupted
    assert reply["content"]["status"] in ("ok", "error", "abort"), reply["content"]
    return "".join(parts).strip()


@asynccontextmanager
async def running(name: str, **start: Any) -> AsyncIterator[Kernel]:
    """Start a kernel of a kernelspec and shut it down afterwards."""
    manager = AsyncKernelManager(kernel_name=name)
    try:
        await manager.start_kernel(**start)
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=CELL_TIMEOUT)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)
