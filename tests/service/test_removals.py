"""Removals that nobody waits for: who depends on one does wait, and so does a server's end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import EngineError, PolicyError
from jupyter_gpu_containers.model.kernel.launch import Policy
from jupyter_gpu_containers.model.policy import Rules
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer, Kernels
from jupyter_gpu_containers.service.kernel.removals import Removals
from jupyter_gpu_containers.service.policy import Gate
from tests.service.test_kernels import Machine, Make, make, store  # noqa: F401  fixtures


class Slow(MemoryBackend):
    """An engine that takes its time to remove a container: until the test lets it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.fails = False

    async def remove(self, container_id: str) -> None:
        self.asked.set()
        await self.go_on.wait()
        if self.fails:
            self.fails = False
            raise EngineError("It cannot be removed just now.", "")
        await super().remove(container_id)


@pytest.fixture
def machine(make: Make) -> Machine:  # noqa: F811
    machine = make(Slow)
    machine.kernels.removals.background = True
    return machine


def slow(machine: Machine) -> Slow:
    assert isinstance(machine.backend, Slow)
    return machine.backend


async def shut_down(machine: Machine, kernel: KernelContainer) -> None:
    """End a kernel, as the provisioner does."""
    removal = machine.kernels.remove(kernel)
    await machine.kernels.removals.begin(kernel.seat.kernel_id, removal)


async def is_waiting(task: asyncio.Task[object]) -> bool:
    await asyncio.wait({task}, timeout=0.1)
    return not task.done()


async def test_who_shuts_a_kernel_down_does_not_wait_for_the_removal(machine: Machine) -> None:
    kernel = await machine.start()
    await shut_down(machine, kernel)
    assert machine.kernels.get("k1") is None
    assert machine.containers() == {kernel.container_id}
    settled = asyncio.create_task(machine.kernels.removals.settled())
    assert await is_waiting(settled)
    slow(machine).go_on.set()
    await settled
    assert machine.containers() == set()
    assert list(machine.kernels.seats.run_root.iterdir()) == []


async def test_a_claim_that_comes_meanwhile_waits_and_gets_the_gpu(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = await machine.start()
    await shut_down(machine, kernel)
    next_one = asyncio.create_task(machine.start(kernel_id="k2"))
    assert await is_waiting(next_one)
    assert machine.containers() == {kernel.container_id}
    slow(machine).go_on.set()
    assert (await next_one).gpus == kernel.gpus
    assert not [row for row in caplog.records if row.levelno >= logging.WARNING]
    await shut_down(machine, await next_one)
    await machine.kernels.removals.settled()


async def test_a_removal_that_fails_is_done_by_the_next_reconciliation(machine: Machine) -> None:
    kernel = await machine.start()
    slow(machine).fails = True
    slow(machine).go_on.set()
    await shut_down(machine, kernel)
    await machine.kernels.removals.settled()
    assert machine.containers() == {kernel.container_id}  # its GPU is busy until that is certain
    [removed] = (await machine.claims.reconcile()).removed
    assert removed.id == kernel.container_id
    assert machine.containers() == set()


async def test_what_is_being_removed_does_not_count_against_its_user(machine: Machine) -> None:
    rules = [Rules(max_kernels_per_user=1)]
    signer = machine.claims.reconciler.signer
    machine.kernels = Kernels(
        machine.backend,
        machine.claims,
        machine.kernels.seats,
        Policy(),
        gate=Gate(rules, machine.backend, user="ada", signer=signer),
    )
    machine.kernels.removals.background = True
    first = await machine.start()
    with pytest.raises(PolicyError):
        await machine.start(kernel_id="k2", gpus=0)
    await shut_down(machine, first)
    next_one = asyncio.create_task(machine.start(kernel_id="k2", gpus=0))
    assert await is_waiting(next_one)
    slow(machine).go_on.set()
    await machine.kernels.remove(await next_one)


async def test_of_one_kernel_alone(machine: Machine) -> None:
    kernel = await machine.start()
    await shut_down(machine, kernel)
    await machine.kernels.removals.settled("another")
    own = asyncio.create_task(machine.kernels.removals.settled("k1"))
    assert await is_waiting(own)
    slow(machine).go_on.set()
    await own


async def test_a_server_that_ends_waits_and_then_leaves_nothing_to_the_background(
    machine: Machine,
) -> None:
    first, second = await machine.start(gpus=0), await machine.start(gpus=0, kernel_id="k2")
    await shut_down(machine, first)
    closing = asyncio.create_task(machine.kernels.removals.close())
    assert await is_waiting(closing)
    last = asyncio.create_task(shut_down(machine, second))
    assert await is_waiting(last)
    slow(machine).go_on.set()
    await closing
    await last
    assert machine.containers() == set()


async def test_a_bug_in_a_removal_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("of ours")

    removals = Removals()
    removals.background = True
    await removals.begin("k", fails())
    await removals.settled()
    await asyncio.sleep(0)
    assert "after kernel k: of ours" in caplog.text
