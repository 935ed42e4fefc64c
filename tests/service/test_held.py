"""Looks at GPUs that are held: rare, only while some are, and not where somebody else looks."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.operations.held import HeldGpus

BUSY = GpuSnapshot((Gpu("GPU-1", 0, "H200", utilization=90),))
RUNNING = Launch("k1", gpus=("GPU-1",)).advance(Phase.RUNNING, 1.0)


class Inventory(GpuInventory):
    """GPUs that tell when they are looked at."""

    def __init__(self, fails: int = 0) -> None:
        self.looks = asyncio.Semaphore(0)
        self.count = 0
        self._fails = fails

    async def snapshot(self) -> GpuSnapshot:
        self.count += 1
        self.looks.release()
        if self.count <= self._fails:
            raise RuntimeError("a bug")
        return BUSY

    def close(self) -> None:
        """Nothing is open."""


async def settle() -> None:
    """Give the loop turns in which a look would be taken, were one due."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_looks_only_while_gpus_are_held() -> None:
    inventory = Inventory()
    held = HeldGpus(inventory, interval=0.01)
    task = asyncio.ensure_future(held.run())
    try:
        await settle()
        assert inventory.count == 0
        held.follow(RUNNING)
        for _ in range(3):
            await asyncio.wait_for(inventory.looks.acquire(), 10)
        await settle()
        assert held.used() == 1.0
        held.follow(RUNNING.advance(Phase.CANCELLED, 2.0))
        await settle()
        before = inventory.count
        await asyncio.wait({task}, timeout=0.05)  # several intervals
        assert inventory.count == before
        assert held.used() == 0.0
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_it_does_not_look_where_a_page_just_did() -> None:
    inventory = Inventory()
    held = HeldGpus(inventory, interval=3600.0)
    held.follow(RUNNING)
    held.looked(BUSY)
    task = asyncio.ensure_future(held.run())
    try:
        await settle()
        assert inventory.count == 0
        assert held.used() == 1.0
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_look_that_fails_does_not_end_all(caplog: pytest.LogCaptureFixture) -> None:
    inventory = Inventory(fails=1)
    held = HeldGpus(inventory, interval=0.01, log=logging.getLogger("here"))
    held.follow(RUNNING)
    task = asyncio.ensure_future(held.run())
    try:
        for _ in range(2):
            await asyncio.wait_for(inventory.looks.acquire(), 10)
        assert [record.name for record in caplog.records] == ["here"]
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_it_can_be_switched_off() -> None:
    inventory = Inventory()
    now = 0.0
    held = HeldGpus(inventory, interval=0.0, clock=lambda: now)
    held.follow(RUNNING)
    await asyncio.wait_for(held.run(), 10)
    assert inventory.count == 0
    held.looked(BUSY)  # for a page
    now = 5.0
    assert held.used() == 1.0
    now = 500.0
    assert math.isnan(held.used())
