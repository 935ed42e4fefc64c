"""What happens to an NVML inventory, as coroutines that `child.run_with` runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

from jupyter_gpu_containers.gpus import processes
from jupyter_gpu_containers.gpus.nvml import NvmlInventory
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from tests.doubles.nvml import FakeDriver, Gate


async def read_once(driver: FakeDriver) -> GpuSnapshot:
    inventory = NvmlInventory()
    try:
        return await inventory.snapshot()
    finally:
        inventory.close()


async def make_without_asking(driver: FakeDriver) -> list[str]:
    """Make and close an inventory that is never asked; return the pynvml modules loaded."""
    inventory = NvmlInventory()
    inventory.close()
    return [name for name in sys.modules if "nvml" in name and "tests" not in name]


async def burst(driver: FakeDriver, questions: int) -> list[GpuSnapshot]:
    """Ask at once, then once more while the answer is fresh."""
    inventory = NvmlInventory(max_age=60)
    answers = await asyncio.gather(*(inventory.snapshot() for _ in range(questions)))
    answers.append(await inventory.snapshot())
    inventory.close()
    return answers


async def ask_again(driver: FakeDriver, times: int) -> int:
    """Ask one after the other without a cache; return the number of threads beside ours."""
    inventory = NvmlInventory(max_age=0)
    for _ in range(times):
        await inventory.snapshot()
    threads = threading.active_count() - 1
    inventory.close()
    return threads


async def edits(
    driver: FakeDriver, steps: list[tuple[str, dict[str, str | None]]]
) -> list[GpuSnapshot]:
    """Take a snapshot, then one after each edit of the machine."""
    inventory = NvmlInventory(max_age=0)
    snapshots = [await inventory.snapshot()]
    for section, values in steps:
        driver.edit(section, **values)
        snapshots.append(await inventory.snapshot())
    inventory.close()
    return snapshots


async def loop_stays_free(driver: FakeDriver, gate: Gate) -> GpuSnapshot:
    """Let the loop itself open the gate at which the driver hangs: it hangs for ever if blocked."""
    inventory = NvmlInventory()
    question = asyncio.create_task(inventory.snapshot())
    await asyncio.to_thread(driver.wait_for_call, "nvmlInitWithFlags")
    gate.open()
    snapshot = await question
    inventory.close()
    return snapshot


async def hang_and_recover(
    driver: FakeDriver, gate: Gate
) -> tuple[GpuSnapshot, GpuSnapshot, GpuSnapshot]:
    """Snapshots before, during and after a hang of the driver."""
    inventory = NvmlInventory(max_age=0, timeout=0.05)
    before = await inventory.snapshot()
    gate.shut()
    driver.hang(gate)
    during = await inventory.snapshot()
    gate.open()
    after = during
    while after.problem:  # the late answer comes; every question in between is answered, too
        after = await inventory.snapshot()
        await asyncio.sleep(0)
    inventory.close()
    return before, during, after


async def end_while_hanging(driver: FakeDriver) -> GpuSnapshot:
    """Leave without an answer; the process must end although the driver still hangs."""
    return await NvmlInventory(first_timeout=0.05).snapshot()


async def several_loops(driver: FakeDriver, loops: int) -> list[GpuSnapshot]:
    """Ask one inventory from an event loop in this thread and from loops in other threads."""
    inventory = NvmlInventory(max_age=60)
    answers = await asyncio.gather(
        inventory.snapshot(),
        *(asyncio.to_thread(lambda: asyncio.run(inventory.snapshot())) for _ in range(loops)),
    )
    inventory.close()
    return list(answers)


async def give_up(driver: FakeDriver, gate: Gate) -> GpuSnapshot:
    """Cancel one of two questions; the other is answered."""
    inventory = NvmlInventory()
    first, second = (asyncio.create_task(inventory.snapshot()) for _ in range(2))
    await asyncio.to_thread(driver.wait_for_call, "nvmlInitWithFlags")
    first.cancel()
    await asyncio.wait([first])
    gate.open()
    snapshot = await second
    inventory.close()
    return snapshot


async def close_and_ask(driver: FakeDriver) -> tuple[GpuSnapshot, GpuSnapshot]:
    inventory = NvmlInventory(max_age=60)
    first = await inventory.snapshot()
    inventory.close()
    second = await inventory.snapshot()
    inventory.close()
    return first, second


async def broken_package(driver: FakeDriver) -> GpuSnapshot:
    """An NVML that answers nonsense: here, a pynvml with a part missing."""
    import pynvml

    del pynvml.nvmlSystemGetDriverVersion
    return await read_once(driver)


async def process_ends(driver: FakeDriver) -> tuple[GpuSnapshot, GpuSnapshot]:
    """Snapshots while a process uses a GPU and after its end; the driver is asked once."""
    # the tests may run in a container; the fake driver's process ids are those of its namespace
    processes._HOST_PID_NAMESPACE = os.readlink("/proc/self/ns/pid")
    inventory = NvmlInventory(max_age=60)
    process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
    driver.edit("gpu0", proc0=f"{process.pid}, 100")
    during = await inventory.snapshot()
    process.kill()
    await process.wait()
    after = await inventory.snapshot()
    inventory.close()
    return during, after


async def no_package(driver: FakeDriver) -> GpuSnapshot:
    """An installation without pynvml."""
    sys.modules["pynvml"] = None  # type: ignore[assignment]
    return await read_once(driver)
