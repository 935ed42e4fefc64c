"""Starts kernels through jupyter_client and times them, for one contender: a program of its own.

It runs in the contender's Python and so needs jupyter_client alone. A line of its input is a JSON
object ``{"do": NAME, ...}``; each is answered by one: figures in seconds, or ``{"error": ...}``.

    driver.py KERNEL [--polite] [--warm]
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from time import perf_counter
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory

TIMEOUT = 60.0  # seconds for anything
OURS = "jupyter_gpu_containers"
WHERE = "(__import__('os').readlink('/proc/self/ns/pid'), __import__('os').getpid())"


class Driver:
    """The kernels of one contender.

    Parameters
    ----------
    kernel : str
        The kernelspec's name.
    polite : bool
        Kernels are asked to end. Otherwise they are ended at once, as by a page that closes them.
    warm : bool
        Containers of ours are kept ready, and taken, as a server of ours does both.
    """

    def __init__(self, kernel: str, *, polite: bool, warm: bool) -> None:
        self._kernel = kernel
        self._polite = polite
        self._warm = warm
        self._pool: asyncio.Task[None] | None = None
        self._running: list[tuple[AsyncKernelManager, AsyncKernelClient]] = []

    async def prepare(self) -> dict[str, Any]:
        """Import what starts kernels, which a server has done long before its first one."""
        manager = AsyncKernelManager(kernel_name=self._kernel)
        metadata = manager.kernel_spec.metadata if manager.kernel_spec else {}
        name = metadata.get("kernel_provisioner", {}).get("provisioner_name", "local-provisioner")
        factory = KernelProvisionerFactory.instance(parent=manager)
        if factory.is_provisioner_available(manager.kernel_spec):
            factory.provisioners[name].load()
        if self._warm:
            from jupyter_gpu_containers.config import shared_services

            services: Any = shared_services()
            self._pool = asyncio.ensure_future(services.pool.run())
        return {}

    async def close(self) -> None:
        """End what is left, and what waits."""
        await self.stop()
        if self._pool is not None:
            self._pool.cancel()
            await asyncio.wait({self._pool})

    async def start(self, count: int) -> dict[str, Any]:
        """Start kernels at the same moment, until each has answered ``1+1``."""
        began = perf_counter()
        ends = await asyncio.gather(
            *(self._start(began) for _ in range(count)), return_exceptions=True
        )
        good = [end for end in ends if isinstance(end, dict)]
        bad = [repr(end) for end in ends if isinstance(end, BaseException)]
        if bad:
            raise RuntimeError(f"{len(bad)} of {count}: {bad[0]}")
        if count == 1:
            return good[0]
        answers = [end["answer"] for end in good]
        return {"all": max(answers), "middle": statistics.median(answers), "first": min(answers)}

    async def stop(self) -> dict[str, Any]:
        """End all kernels at the same moment."""
        running, self._running = self._running, []
        for _, client in running:
            client.stop_channels()
        began = perf_counter()
        ends = [manager.shutdown_kernel(now=not self._polite) for manager, _ in running]
        await asyncio.wait_for(asyncio.gather(*ends), TIMEOUT)
        return {"shutdown": perf_counter() - began}

    async def round_trips(self, count: int) -> dict[str, Any]:
        """Execute the smallest cell many times, one after the other, in the first kernel."""
        client = self._running[0][1]
        await self._hears(client)
        times = []
        for _ in range(count):
            began = perf_counter()
            wanted = client.execute("1", store_history=False)
            await _reply(client, wanted)
            times.append(perf_counter() - began)
        await _idle(client, wanted)
        times.sort()
        return {"round_trip": statistics.median(times), "late": times[int(count * 0.95)]}

    async def output(self, messages: int, size: int) -> dict[str, Any]:
        """Execute a cell with this output, until its last byte has come."""
        client = self._running[0][1]
        await self._hears(client)
        code = (
            f"from IPython.display import display\ntext = 'x' * {size}\n"
            f"for _ in range({messages}): display({{'text/plain': text}}, raw=True)"
        )
        began = perf_counter()
        wanted = client.execute(code, store_history=False)
        came = await _idle(client, wanted)
        took = perf_counter() - began
        await _reply(client, wanted)
        if came != messages * size:
            raise RuntimeError(f"{came} of {messages * size} bytes came")
        return {"output": took}

    async def execute(self, code: str) -> dict[str, Any]:
        """Execute a cell in all kernels at the same moment; an error of it is ours."""
        began = perf_counter()
        clients = [client for _, client in self._running]
        replies = (_reply(one, one.execute(code, store_history=False)) for one in clients)
        for content in await asyncio.gather(*replies):
            if content["status"] != "ok":
                raise RuntimeError(f"{content.get('ename')}: {content.get('evalue')}")
        return {"took": perf_counter() - began}

    async def spares(self, count: int) -> dict[str, Any]:
        """Await that so many containers wait, with all imported that they are to import."""
        from jupyter_gpu_containers.config import shared_services

        services: Any = shared_services()
        there = services.kernels.spares
        began = perf_counter()
        while sum(there.is_ready(one) for one in there.free) < count:
            if perf_counter() - began > TIMEOUT:
                raise RuntimeError(f"{len(there.free)} of {count} containers wait")
            await asyncio.sleep(0.1)
        return {}

    async def where(self) -> dict[str, Any]:
        """Return of each kernel its namespace of processes and its own process in it."""
        found = []
        for _, client in self._running:
            wanted = client.execute("", silent=True, user_expressions={"where": WHERE})
            content = await _reply(client, wanted)
            text = content["user_expressions"]["where"]["data"]["text/plain"]
            namespace, pid = text.strip("()").rsplit(",", 1)
            found.append([namespace.strip("'\""), int(pid)])
        return {"where": found}

    async def _start(self, began: float) -> dict[str, float]:
        manager = AsyncKernelManager(kernel_name=self._kernel)
        options: dict[str, Any] = {"cwd": os.getcwd()}
        if promised := self._promised():
            options["kernel_id"] = promised
        starting = manager.start_kernel(
            **options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await asyncio.wait_for(starting, TIMEOUT)
        started = perf_counter()
        client = manager.client()
        client.start_channels(stdin=False, hb=False, control=False)
        self._running.append((manager, client))
        # `wait_for_ready` would wait 0.2 s longer by itself
        await _reply(client, client.kernel_info())
        ready = perf_counter()
        await _reply(client, client.execute("1+1", store_history=False))
        answered = perf_counter()
        return {
            "answer": answered - began,
            "start_kernel": started - began,
            "info": ready - began,
            **_phases(manager),
        }

    def _promised(self) -> str | None:
        """Return the id of a kernel for which a container waits, as a server asks for it."""
        if not self._warm:
            return None
        from jupyter_gpu_containers.config import shared_services

        services: Any = shared_services()
        promised: str | None = services.kernels.spares.promise(self._kernel)
        return promised

    async def _hears(self, client: AsyncKernelClient) -> None:
        """Make sure that the subscription to the kernel's output has arrived there."""
        while True:
            wanted = client.execute("", silent=False, store_history=False)
            await _reply(client, wanted)
            try:
                await asyncio.wait_for(_idle(client, wanted), 0.5)
            except (asyncio.TimeoutError, TimeoutError):
                continue
            return


async def _reply(client: AsyncKernelClient, wanted: str) -> dict[str, Any]:
    while True:
        message = await client.get_shell_msg(timeout=TIMEOUT)
        if message["parent_header"].get("msg_id") == wanted:
            content: dict[str, Any] = message["content"]
            return content


async def _idle(client: AsyncKernelClient, wanted: str) -> int:
    """Return how many characters a cell displayed, when it has come to its end."""
    came = 0
    while True:
        message = await client.get_iopub_msg(timeout=TIMEOUT)
        if message["parent_header"].get("msg_id") != wanted:
            continue
        if message["msg_type"] == "display_data":
            came += len(message["content"]["data"]["text/plain"])
        elif message["content"].get("execution_state") == "idle":
            return came


def _phases(manager: AsyncKernelManager) -> dict[str, float]:
    """Return how long a start of ours took in each phase; others tell nothing of the kind."""
    if not type(manager.provisioner).__module__.startswith(OURS):
        return {}
    from jupyter_gpu_containers.config import shared_services

    launch = shared_services().launches.get(manager.kernel_id)
    steps = list(launch.phases) if launch is not None else []
    return {f"phase {one.phase.value}": after.at - one.at for one, after in pairwise(steps)}


async def main() -> None:
    """Do what is asked, one thing after the other, until the input ends."""
    driver = Driver(sys.argv[1], polite="--polite" in sys.argv, warm="--warm" in sys.argv)
    # whatever a contender prints must not come between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        try:
            answer = await getattr(driver, asked.pop("do"))(**asked)
        except Exception as exc:  # noqa: BLE001  told to who asked
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer), file=answers, flush=True)
    await driver.close()


if __name__ == "__main__":
    asyncio.run(main())
