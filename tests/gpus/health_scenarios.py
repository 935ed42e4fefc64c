"""What becomes of GPUs that fail, as coroutines that `child.run_with` runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_gpu_containers.gpus.nvml import NvmlInventory
from jupyter_gpu_containers.gpus.nvml_events import NvmlEvents
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot
from jupyter_gpu_containers.model.gpu.health import GpuEvent
from jupyter_gpu_containers.service.gpu.health import GpuHealth
from tests.doubles.nvml import FakeDriver

Step = tuple[str, ...]
XID, DOUBLE_BIT = 8, 2  # nvmlEventTypeXidCriticalError, nvmlEventTypeDoubleBitEccError
END = "gpu7 8 31"  # an application's Xid that closes each script: what came before was read


class Watch:
    """An event thread whose reports can be awaited."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.seen: asyncio.Queue[GpuEvent] = asyncio.Queue()

        def listen(event: GpuEvent) -> None:
            loop.call_soon_threadsafe(self.seen.put_nowait, event)

        self.events = NvmlEvents(listen, retry=0.01)

    async def start(self) -> None:
        self.events.start()
        await asyncio.to_thread(self.events.watching.wait)


async def scripts(
    driver: FakeDriver, folder: Path, scripts: Mapping[str, Sequence[Step]]
) -> dict[str, tuple[list[str], list[str]]]:
    """Play scripts one after the other on one machine.

    Returns for each the UUIDs that are not offered at the end, and what was said of them.
    """
    before = driver.machine.read_bytes()
    played: dict[str, tuple[list[str], list[str]]] = {}
    now = [0.0]
    inventory = NvmlInventory(max_age=0)
    watch = Watch()
    await watch.start()
    for number, (name, steps) in enumerate(scripts.items()):
        driver.machine.with_suffix(".new").write_bytes(before)
        driver.machine.with_suffix(".new").replace(driver.machine)
        health = GpuHealth(
            inventory,
            file=folder / f"{number}.json",
            boot="1",
            clock=lambda: now[0],
        )
        closing = (await health.snapshot()).gpus[7].uuid
        for step in steps:
            match step:
                case ("event", line):
                    driver.report(line)
                    driver.report(END)
                    while (event := await watch.seen.get()).uuid != closing:
                        # what the clock of the script says, not this machine's
                        health.take(GpuEvent(event.kind, event.uuid, now[0], event.xid))
                case ("wait", seconds):
                    now[0] += float(seconds)
                case ("says", section, *pairs):
                    values = dict(pair.split("=") for pair in pairs)
                    driver.edit(section, **{key: text or None for key, text in values.items()})
                    await health.snapshot()
        found = [gpu for gpu in (await health.snapshot()).gpus if gpu.problem is not None]
        played[name] = (
            [gpu.uuid for gpu in found],
            [gpu.problem.code for gpu in found if gpu.problem is not None],
        )
    watch.events.close()
    inventory.close()
    return played


async def events(
    driver: FakeDriver, lines: Sequence[str]
) -> list[tuple[str, str | None, int | None]]:
    """Return what is told of these lines."""
    watch = Watch()
    await watch.start()
    told = []
    for line in lines:
        driver.report(line)
        event = await watch.seen.get()
        told.append((event.kind.value, event.uuid, event.xid))
    watch.events.close()
    return told


async def lost_while_waiting(driver: FakeDriver) -> tuple[list[str | None], bool]:
    """The wait itself answers that a GPU is lost; the others are watched again."""
    watch = Watch()
    await watch.start()
    driver.edit("gpu2", state="lost")
    driver.report("error 15")
    lost = [(await watch.seen.get()).uuid]
    while True:  # until the new event set takes it: what is said in between is past for it
        driver.report("gpu0 8 79")
        try:
            event = await asyncio.wait_for(watch.seen.get(), 0.05)
        except asyncio.TimeoutError:
            continue
        watch.events.close()
        return lost, event.xid == 79


async def driver_comes_later(driver: FakeDriver) -> int | None:
    """NVML is not there at first; the thread waits for it."""
    watch = Watch()
    watch.events.start()
    await asyncio.to_thread(driver.wait_for_call, "nvmlInitWithFlags", times=3)
    driver.edit("system", init="ok")
    await asyncio.to_thread(watch.events.watching.wait)
    driver.report("gpu0 8 79")
    event = await watch.seen.get()
    watch.events.close()
    return event.xid


async def close_at_once(driver: FakeDriver) -> tuple[bool, int]:
    """Return whether the thread ended, and how often NVML was shut down."""
    watch = Watch()
    await watch.start()
    thread = watch.events._thread
    assert thread is not None
    await asyncio.to_thread(watch.events.close)
    await asyncio.to_thread(thread.join, 60.0)  # on a busy machine later than it is waited for
    return not thread.is_alive(), driver.calls()["nvmlShutdown"]


async def recovery(driver: FakeDriver, actions: Sequence[str | None]) -> list[GpuSnapshot]:
    """Take a snapshot for each recovery action of the first GPU."""
    inventory = NvmlInventory(max_age=0)
    found = []
    for action in actions:
        driver.edit("gpu0", recovery=action)
        found.append(await inventory.snapshot())
    inventory.close()
    return found
