"""A server with kernels, as far as idle ones go: each step of it and its clocks are the test's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.idle import IdleRules
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.ports import GpuInventory
from jupyter_gpu_containers.service.launch.book import LaunchBook
from jupyter_gpu_containers.service.launch.door import Activity
from jupyter_gpu_containers.service.launch.idle import Idle

KERNEL = "k"
GPU = Gpu("GPU-a", 0, "T4", utilization=0)
EPOCH = 1_700_000_000.0
RULES = IdleRules(timeout=100.0, warning=30.0, gpu_utilization=5)


@dataclass
class Kernel:
    """A kernel's process, and what Jupyter has heard of it."""

    last: float  # on the wall's clock: the last message
    queue: deque[asyncio.Future[bool] | None] = field(default_factory=deque)  # None is a cell
    running: bool = False  # a cell does
    heard: str = "idle"  # execution state, as messages told it
    told: deque[str] = field(default_factory=deque)  # states that are on their way
    by_itself: bool = True  # it works at once, without the test's word
    answers: bool = True
    stops: bool = True

    def work(self) -> None:
        """Take the next thing from its queue, if it can."""
        if self.running or not self.queue:
            return
        request = self.queue.popleft()
        if request is None:
            self.running = True
            self.told.append("busy")
        elif not request.done():
            request.set_result(True)

    def finish(self) -> None:
        """End the cell."""
        self.running = False
        self.told.append("idle")


class Book(LaunchBook):
    """The launches; `Launches` has a door, too."""

    door: Server | None = None


class Server(GpuInventory):
    """Kernels, their door, their GPUs, and what ends idle ones.

    Parameters
    ----------
    make : callable
        Makes the `Idle`; another one for what shall go wrong.
    inventory : GpuInventory, optional
        By default this one, whose `gpus` a test sets.
    """

    def __init__(
        self,
        rules: IdleRules = RULES,
        *,
        make: Callable[..., Idle] = Idle,
        inventory: GpuInventory | None = None,
    ) -> None:
        self.now = 1000.0
        self.slept = 0.0
        self.kernels: dict[str, Kernel] = {}
        self.own: dict[str, float | None] = {}  # of environments, by kernel
        self.book = Book()
        self.book.door = self
        self.gpus: GpuSnapshot = GpuSnapshot((GPU,))
        self.before_snapshot: Callable[[], Any] = lambda: None
        self.stopped: list[str] = []
        self.seen: list[Launch] = []
        self.book.on_change(self.seen.append)
        self.idle = make(
            rules,
            self,
            self.book,
            inventory or self,
            clock=lambda: self.now,
            wall=lambda: self.wall,
        )

    @property
    def wall(self) -> float:
        """Seconds since the epoch; goes on while the machine sleeps."""
        return EPOCH + self.now + self.slept

    def start(
        self,
        kernel_id: str = KERNEL,
        *,
        gpus: tuple[str, ...] = ("GPU-a",),
        own: float | None = None,
    ) -> Kernel:
        """Start a kernel."""
        self.kernels[kernel_id] = kernel = Kernel(last=self.wall)
        self.own[kernel_id] = own
        self.book._put(Launch(kernel_id, kernel_id=kernel_id, gpus=gpus))
        self.book.advance(kernel_id, Phase.RUNNING)
        return kernel

    def launch(self, kernel_id: str = KERNEL) -> Launch:
        """Return a launch."""
        return self.book.get(kernel_id)

    def hear(self, kernel: Kernel) -> None:
        """Let Jupyter hear the next message of a kernel."""
        kernel.heard = kernel.told.popleft()
        kernel.last = self.wall

    def execute(self, kernel_id: str = KERNEL) -> None:
        """Run a cell, as the websocket does it."""
        self.idle.used(kernel_id)
        self.kernels[kernel_id].queue.append(None)
        self._work(self.kernels[kernel_id])

    async def go(self, seconds: float, step: float = 10.0) -> None:
        """Let time pass, with a look at the end of every step."""
        while seconds > 0:
            self.now += min(step, seconds)
            seconds -= step
            await self.idle.look()
            await self.rest()

    async def rest(self) -> None:
        """Let everything go on that can."""
        for _ in range(10):
            await asyncio.sleep(0)

    def _work(self, kernel: Kernel) -> None:
        while kernel.by_itself and kernel.queue and not kernel.running:
            kernel.work()
        while kernel.by_itself and kernel.told:
            self.hear(kernel)

    # --- `Kernels`, `KernelDoor` and `GpuInventory` ---------------------------------------------

    def get(self, kernel_id: str) -> Any:
        """Return what is known of a kernel's container."""
        if kernel_id not in self.kernels:
            return None
        return SimpleNamespace(environment=SimpleNamespace(idle_timeout=self.own[kernel_id]))

    def activity(self, kernel_id: str) -> Activity:
        """Tell what messages have told."""
        kernel = self.kernels[kernel_id]
        return Activity(kernel.heard != "idle", kernel.last)

    async def answers(self, kernel_id: str) -> bool:
        """Put a question into the kernel's queue; one that is held up is given up by the test."""
        kernel = self.kernels[kernel_id]
        if not kernel.answers:
            return False
        request: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        kernel.queue.append(request)
        self._work(kernel)
        if kernel.by_itself and not request.done():
            return False
        return await request

    async def stop(self, kernel_id: str) -> None:
        """End a kernel, or fail to."""
        if not self.kernels[kernel_id].stops:
            raise OSError("the engine is away")
        self.stopped.append(kernel_id)
        del self.kernels[kernel_id]
        launch = self.book.get(kernel_id)
        self.book.advance(kernel_id, Phase.CANCELLED, error=launch.error)

    async def snapshot(self) -> GpuSnapshot:
        """Return the GPUs as the test has them."""
        waits = self.before_snapshot()
        if waits is not None:
            await waits
        return self.gpus

    def close(self) -> None:
        """There is nothing to release."""


AWAY = GpuSnapshot(problem=Problem("driver_not_loaded", "The driver is not loaded."))
