"""Who waits for GPUs, here and in this user's other servers."""

from __future__ import annotations

from pathlib import Path

from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.queue.demand import Demand
from jupyter_gpu_containers.service.queue.file import QueueFile, WaitingLaunch
from tests.service.queue_hall import *  # noqa: F403
from tests.service.queue_hall import Hall

WAITS = WaitingLaunch(
    Launch("w"), LaunchRequest(image="x", gpus=1), Ticket("w", "ada", GpuRequest(1), 0.0, 0, 0)
)


async def test_who_waits_here(hall: Hall, tmp_path: Path) -> None:
    demand = Demand(hall.queue, tmp_path)
    assert not await demand.is_there()
    await hall.run("one")
    await hall.run("two")
    assert not await demand.is_there()  # they have theirs
    hall.ask("three")
    await hall.waits("three")
    assert await demand.is_there()


async def test_who_waits_in_another_server(hall: Hall, tmp_path: Path) -> None:
    """As long as that one lives: a server that has ended frees nothing for those who waited."""
    demand = Demand(hall.queue, tmp_path)
    file = QueueFile.take(tmp_path, "/somewhere")
    assert file is not None
    assert not await demand.is_there()
    file.write([WAITS])
    await file.flush()
    assert await demand.is_there()
    file.write([])
    await file.flush()
    assert not await demand.is_there()
    file.write([WAITS])
    await file.close()
    assert not await demand.is_there()
