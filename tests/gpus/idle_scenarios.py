"""Kernels that run nothing, on GPUs of a driver that changes; for `child.run_with`."""

from __future__ import annotations

from jupyter_gpu_containers.gpus.nvml import NvmlInventory
from jupyter_gpu_containers.model.kernel.launch import Phase
from tests.doubles.nvml import FakeDriver
from tests.service.idle_server import KERNEL, RULES, Server

Edit = tuple[str, dict[str, str | None]]


async def after(driver: FakeDriver, uuids: tuple[str, ...], edits: list[Edit]) -> list[str]:
    """Return what has become of an idle kernel with these GPUs, a while after each edit."""
    inventory = NvmlInventory(max_age=0)
    server = Server(RULES, inventory=inventory)
    server.start(gpus=uuids)
    found = []
    for section, values in edits:
        driver.edit(section, **values)
        await server.go(RULES.timeout + RULES.warning / 2)
        launch = server.launch()
        found.append("warned" if launch.idle else launch.phase.value)
    await server.go(RULES.warning)
    found.append(server.launch().phase.value)
    assert (server.launch().phase is Phase.CANCELLED) == (server.stopped == [KERNEL])
    inventory.close()
    return found
