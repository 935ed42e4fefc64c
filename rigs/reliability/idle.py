"""Cells against the end of idle kernels, in 10,000 random orders: cells lost, warnings cut short.

Each order is one of the product's own `Idle` with kernels, GPUs and clocks of which every step is
chosen at random: looks that wait, cells that arrive meanwhile, messages of the kernel that come
late or never, machines that sleep. Two ways to do it wrongly must be found out by the same rig.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import Any

from jupyter_gpu_containers.errors import KernelNotRunningError
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.idle import Decision, IdleRules, IdleState
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.launch.idle import Idle
from tests.service.idle_server import AWAY, GPU, KERNEL, Kernel, Server

from .figures import Figure

QUICK, LONG = 1000, 10_000  # orders
CONTROL = 5000  # orders after which a wrong way must have been found out
STEPS = 120  # of an order at most
RULES = IdleRules(timeout=20.0, warning=10.0)


class Unchecked(Idle):
    """Believes what it found before it waited for the kernel's answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._found: tuple[IdleState, Decision] | None = None

    async def look(self) -> None:
        """Look once."""
        self._found = None
        await super().look()

    def _decide(self, *args: Any, **options: Any) -> tuple[IdleState, Decision]:
        self._found = self._found or super()._decide(*args, **options)
        return self._found


class Unasked(Idle):
    """Believes what messages have told, and asks no kernel."""

    async def _answers(self, kernel_id: str) -> bool:
        return True


class Order:
    """One random order of everything that can happen.

    Parameters
    ----------
    seed : int
    make : callable
        Makes the `Idle`.
    """

    def __init__(self, seed: int, make: Callable[..., Idle] = Idle) -> None:
        self._random = Random(seed)
        self._server = Server(RULES, make=make)
        self._gpus: list[asyncio.Future[None]] = []
        self._server.before_snapshot = self._hold
        self._look: asyncio.Task[None] | None = None
        self._shown: float | None = None  # when the warning was shown that stands
        self._works = self._worked = False  # the GPU does; it did when it was last looked at
        self.seen: Counter[str] = Counter()
        self._server.book.on_change(self._changed)

    async def run(self) -> Counter[str]:
        """Go through it; return what has happened."""
        server, kernel = self._server, self._server.start()
        kernel.by_itself = False
        for _ in range(STEPS):
            if KERNEL not in server.kernels:
                break
            self._random.choice(list(self._moves(kernel)))()
            for _ in range(5):
                await asyncio.sleep(0)
        self.seen["orders"] += 1
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait({self._look})
        return self.seen

    # --- what can happen ----------------------------------------------------------------------

    def _moves(self, kernel: Kernel) -> Iterable[Callable[[], None]]:
        yield from [self._time] * 3
        if self._look is None or self._look.done():
            yield from [self._begin] * 4
        for held in self._gpus:
            yield from [lambda held=held: self._give(held)] * 3  # type: ignore[misc]
        if kernel.queue and not kernel.running:
            yield from [kernel.work] * 3
        if kernel.running:
            yield kernel.finish
            yield self._mislead
        if kernel.told:
            yield from [lambda: self._server.hear(kernel)] * 3
            yield lambda: kernel.told.pop()  # never heard
        if any(request is not None and not request.done() for request in kernel.queue):
            yield self._lose_patience
        if self._random.random() < 0.3:
            yield self._execute
        if self._random.random() < 0.05:
            yield from (self._sleep, self._keep, self._restart, self._turn)

    def _time(self) -> None:
        self._server.now += self._random.choice([1.0, 2.0, 5.0, 10.0])

    def _sleep(self) -> None:
        self._server.slept += self._random.choice([200.0, -200.0])

    def _hold(self) -> asyncio.Future[None]:
        self._gpus.append(asyncio.get_running_loop().create_future())
        return self._gpus[-1]

    def _begin(self) -> None:
        self._look = asyncio.ensure_future(self._server.idle.look())

    def _give(self, held: asyncio.Future[None]) -> None:
        self._gpus.remove(held)
        self._worked = self._works
        held.set_result(None)

    def _execute(self) -> None:
        if self._look is not None and not self._look.done():
            self.seen["cells during a look"] += 1
        self._server.execute()

    def _mislead(self) -> None:
        """Answer a message on another channel, in the middle of a cell."""
        self._server.kernels[KERNEL].told.append("idle")

    def _lose_patience(self) -> None:
        for request in self._server.kernels[KERNEL].queue:
            if request is not None and not request.done():
                request.set_result(False)

    def _keep(self) -> None:
        try:
            self._server.idle.keep_alive(KERNEL)
        except KernelNotRunningError:
            self.seen["kept too late"] += 1

    def _restart(self) -> None:
        server = self._server
        kernel = server.kernels[KERNEL]
        server.book.advance(KERNEL, Phase.STARTING)
        self._lose_patience()
        kernel.queue.clear()
        kernel.told.clear()
        kernel.running, kernel.heard = False, "idle"
        server.book.advance(KERNEL, Phase.RUNNING)

    def _turn(self) -> None:
        """Let the GPU begin or end to work, or the driver go away."""
        load = self._random.choice([0, 0, 90, None])
        self._works = load != 0
        gpus = GpuSnapshot((replace(GPU, utilization=load),))
        self._server.gpus = AWAY if load is None else gpus

    # --- what must not ------------------------------------------------------------------------

    def _changed(self, launch: Launch) -> None:
        if launch.error is not None and self._is_decided(launch.error):
            self.seen["stops"] += 1
            kernel = self._server.kernels[KERNEL]
            self.seen["cells lost"] += kernel.running or None in kernel.queue
            whole = self._shown is not None and self._server.now - self._shown >= RULES.warning
            self.seen["warnings cut short"] += not whole
            self.seen["stops with a working GPU"] += self._worked
        elif launch.idle is None:
            self._shown = None
        elif self._shown is None or self._is_said_anew(launch):
            self._shown = self._server.now
            self.seen["warnings"] += 1

    def _is_decided(self, error: Problem) -> bool:
        return error.code == "culled" and KERNEL in self._server.kernels

    def _is_said_anew(self, launch: Launch) -> bool:
        assert launch.idle is not None
        return abs(launch.idle.stop_at - self._server.wall - RULES.warning) < 0.1


async def orders(seeds: Iterable[int], make: Callable[..., Idle] = Idle) -> Counter[str]:
    """Go through many; return what happened in all."""
    found: Counter[str] = Counter()
    for seed in seeds:
        found += await Order(seed, make).run()
    return found


async def until_found(make: Callable[..., Idle], most: int = CONTROL) -> tuple[int, int]:
    """Return how many orders it took until a cell was lost, or were tried, and how many were."""
    for seed in range(most):
        if lost := (await Order(seed, make).run())["cells lost"]:
            return seed + 1, lost
    return most, 0


def figures(found: Counter[str], goal: int, seconds: float) -> list[Figure]:
    """Say what was found; an order without stops would prove nothing."""
    bad = {name: found[name] for name in ("cells lost", "warnings cut short")}
    bad["stops with a working GPU"] = found["stops with a working GPU"]
    told = ", ".join(f"{number} {name}" for name, number in bad.items())
    return [
        Figure(
            "cells against the end of idle kernels, random orders",
            f"{found['orders']}: {told}; {found['stops']} stops, {found['warnings']} warnings, "
            f"{found['cells during a look']} cells that came during a look; {seconds:.0f} s",
            f"{goal}, nothing lost or cut short",
            found["orders"] >= goal
            and not any(bad.values())
            and found["stops"] >= goal / 10
            and found["cells during a look"] >= goal,
        )
    ]


def measure(long: bool) -> list[Figure]:
    """Go through 10,000 orders, or 1,000, and as many of wrong ways as it takes."""
    logging.getLogger("jupyter_gpu_containers.service.launch.idle").setLevel(logging.CRITICAL)
    goal = LONG if long else QUICK
    begun = time.monotonic()
    found = asyncio.run(orders(range(goal)))
    result = figures(found, goal, time.monotonic() - begun)
    for make, words in (
        (Unchecked, "the same without the second look"),
        (Unasked, "the same without asking the kernel"),
    ):
        tried, lost = asyncio.run(until_found(make))
        result.append(
            Figure(words, f"{lost} cells lost in {tried} orders", "more than 0", lost > 0)
        )
    return result
