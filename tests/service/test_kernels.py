"""Kernels in containers: what is left when a start fails at any point, and the handover of GPUs."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import (
    EngineUnreachableError,
    GpusBusyError,
    GpuVanishedError,
    ImageNotFoundError,
    KernelExitedError,
    KernelTimeoutError,
    LaunchCancelledError,
)
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Caller, Phase, Policy
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer, Kernels
from jupyter_gpu_containers.service.kernel.seats import Seats
from tests.faults import scenarios

# Answers at the heartbeat's address, as a kernel does.
ECHO = (
    "import os, sys, zmq\n"
    "socket = zmq.Context().socket(zmq.REP)\n"
    "socket.bind('ipc://' + os.path.dirname(sys.argv[1]) + '/k-5')\n"
    "while True: socket.send(socket.recv())\n"
)
ANSWERS = ("python3", "-c", ECHO, "{connection_file}")
SILENT = ("sleep", "1000")


@dataclass
class Machine:
    """A host with some GPUs, and one server on it."""

    folder: Path
    backend: MemoryBackend
    gpus: int = 1
    start_timeout: float = 20.0
    phases: list[Phase] = field(default_factory=list)
    kernels: Kernels = field(init=False)
    reached: dict[Phase, asyncio.Event] = field(init=False)

    def __post_init__(self) -> None:
        seats = Seats(
            run_root=self.folder / "r",
            home_root=self.folder / "h",
            caller=Caller(os.getuid(), os.getgid(), "ada"),
            workspace=str(self.folder / "w"),
        )
        (self.folder / "w").mkdir(exist_ok=True)
        inventory = FixedInventory([{"count": self.gpus}])
        claims = Claims(self.backend, inventory, rng=random.Random(1), backoff=0.001)
        self.kernels = Kernels(
            self.backend, claims, seats, Policy(), start_timeout=self.start_timeout
        )
        self.claims = claims
        self.reached = {phase: asyncio.Event() for phase in Phase}

    def progress(self, phase: Phase, **changes: Any) -> None:
        """Note a phase."""
        self.phases.append(phase)
        self.reached[phase].set()

    async def start(
        self, *argv: str, gpus: int = 1, replaces: str | None = None, kernel_id: str = "k1"
    ) -> KernelContainer:
        """Start a kernel whose command is given; one that fails gives its seat back."""
        image = DEMO_IMAGES[0]
        kernel = ImageKernel("python3", "Python 3", "python", argv or ANSWERS)
        environment = Environment("e", "E · 1 GPU", image.references[0], image.id, kernel, gpus)
        seat = self.kernels.seats.take(kernel_id, working_dir=None, env={}, own_env={})
        url = f"ipc://{seat.run_dir}/k-5"
        try:
            return await self.kernels.start(
                environment, seat, url, self.progress, replaces=replaces
            )
        except BaseException:
            self.kernels.seats.leave(seat)
            raise

    def containers(self) -> set[str]:
        """Return the ids of all containers."""
        return set(self.backend._store.records)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore()
    yield store
    store.kill_all()


Make = Callable[..., Machine]


@pytest.fixture
def make(tmp_path: Path, store: MemoryStore) -> Make:
    """Return what makes machines; all of one test share the engine."""

    def make(backend: type[MemoryBackend] = MemoryBackend, **options: Any) -> Machine:
        return Machine(tmp_path, backend(store=store), **options)

    return make


# --- a kernel's way -------------------------------------------------------------------------------


async def test_start_and_remove(make: Make) -> None:
    machine = make()
    kernel = await machine.start()
    assert machine.phases == [Phase.CREATING, Phase.STARTING, Phase.RUNNING]
    assert machine.kernels.get("k1") is kernel
    assert machine.containers() == {kernel.container_id}
    assert len(kernel.gpus) == 1
    await machine.kernels.remove(kernel)
    assert machine.kernels.get("k1") is None
    assert machine.containers() == set()
    assert list(machine.kernels.seats.run_root.iterdir()) == []
    await machine.kernels.remove(kernel)  # once more is no error


async def test_restart_is_the_same_container(make: Make) -> None:
    machine = make()
    kernel = await machine.start()
    await machine.kernels.signal(kernel, 9)
    await asyncio.wrap_future(kernel.ended)
    again = await machine.kernels.restart(kernel, machine.progress)
    assert again.container_id == kernel.container_id
    assert not again.ended.done()
    assert kernel.ended.result().exit_code == 137
    assert machine.phases[-2:] == [Phase.STARTING, Phase.RUNNING]
    await machine.kernels.remove(again)


async def test_explain(make: Make) -> None:
    machine = make()
    kernel = await machine.start()
    await machine.kernels.signal(kernel, 9)
    await asyncio.wrap_future(kernel.ended)
    error = await machine.kernels.explain(kernel)
    assert error.error_code == "kernel_signalled"
    await machine.kernels.remove(kernel)


# --- what fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "error", "code"),
    [
        (scenarios.LostReply, EngineUnreachableError, "engine_unreachable"),
        (scenarios.AwayBeforeStart, EngineUnreachableError, "engine_unreachable"),
        (scenarios.GpuGoneAtStart, GpuVanishedError, "gpu_vanished"),
        (scenarios.GpuNotGiven, GpuVanishedError, "gpu_vanished"),
    ],
)
async def test_nothing_is_left_when(
    make: Make, backend: type[MemoryBackend], error: type[Exception], code: str
) -> None:
    machine = make(backend)
    with pytest.raises(error) as caught:
        await machine.start()
    assert caught.value.error_code == code  # type: ignore[attr-defined]
    assert caught.value.hint  # type: ignore[attr-defined]
    assert machine.containers() == set()
    assert machine.kernels.get("k1") is None
    later = make(start_timeout=20.0)
    await later.kernels.remove(await later.start())  # the GPU is free


async def test_it_never_answers(make: Make) -> None:
    machine = make(start_timeout=0.3)
    with pytest.raises(KernelTimeoutError) as caught:
        await machine.start("/bin/sh", "-c", "echo waiting; exec sleep 1000")
    assert "within 0.3 seconds." in caught.value.message
    assert caught.value.log == "waiting\n"
    assert machine.containers() == set()


async def test_it_never_answers_and_says_nothing(make: Make) -> None:
    machine = make(start_timeout=0.3)
    with pytest.raises(KernelTimeoutError, match="It wrote nothing to its log"):
        await machine.start(*SILENT)


async def test_it_exits(make: Make) -> None:
    machine = make()
    with pytest.raises(KernelExitedError, match="exit code 3 before its kernel answered"):
        await machine.start("/bin/sh", "-c", "exit 3")
    assert machine.containers() == set()


async def test_the_image_is_gone(make: Make, store: MemoryStore) -> None:
    machine = make()
    del store.images[DEMO_IMAGES[0].id]
    with pytest.raises(ImageNotFoundError) as caught:
        await machine.start()
    assert caught.value.error_code == "environment_image_missing"
    assert "“E · 1 GPU”" in caught.value.message
    assert machine.containers() == set()


async def test_a_failed_restart_keeps_the_claim(make: Make) -> None:
    """The kernel may be restarted again; its GPU is not given to others meanwhile."""
    machine = make()
    kernel = await machine.start()
    await machine.kernels.signal(kernel, 9)
    await asyncio.wrap_future(kernel.ended)
    original, machine.backend.start = machine.backend.start, scenarios.AwayBeforeStart().start  # type: ignore[method-assign]
    with pytest.raises(EngineUnreachableError):
        await machine.kernels.restart(kernel, machine.progress)
    machine.backend.start = original  # type: ignore[method-assign]
    assert machine.containers() == {kernel.container_id}
    again = await machine.kernels.restart(kernel, machine.progress)
    await machine.kernels.remove(again)


async def test_the_engine_is_away_when_a_kernel_is_removed(make: Make) -> None:
    """The user is not kept; the GPU stays claimed until the engine confirms."""
    machine = make(scenarios.AwayBeforeRemoval)
    kernel = await machine.start()
    await machine.kernels.remove(kernel)
    assert machine.containers() == {kernel.container_id}
    assert isinstance(machine.backend, scenarios.AwayBeforeRemoval)
    machine.backend.is_away = False
    await machine.claims.reconcile()
    assert machine.containers() == set()


# --- giving up ------------------------------------------------------------------------------------


async def test_cancel_while_the_engine_creates(make: Make) -> None:
    machine = make(scenarios.SlowCreate)
    assert isinstance(machine.backend, scenarios.SlowCreate)
    start = asyncio.ensure_future(machine.start())
    await machine.backend.asked.wait()
    assert machine.kernels.cancel("k1")
    machine.backend.may_answer.set()
    with pytest.raises(LaunchCancelledError):
        await start
    assert machine.containers() == set()


async def test_cancel_while_the_kernel_starts(make: Make) -> None:
    machine = make()
    start = asyncio.ensure_future(machine.start(*SILENT))
    await machine.reached[Phase.STARTING].wait()
    assert machine.kernels.cancel("k1")
    with pytest.raises(LaunchCancelledError) as caught:
        await start
    assert caught.value.error_code == "launch_cancelled"
    assert machine.containers() == set()
    assert not machine.kernels.cancel("k1")


async def test_who_waits_goes_away(make: Make) -> None:
    """jupyter_server cancels its own task when it ends."""
    machine = make()
    start = asyncio.ensure_future(machine.start(*SILENT))
    await machine.reached[Phase.STARTING].wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert machine.containers() == set()


async def test_cancel_all(make: Make) -> None:
    machine = make(gpus=2)
    starts = [
        asyncio.ensure_future(machine.start(*SILENT, gpus=0, kernel_id=f"k{number}"))
        for number in range(3)
    ]
    await machine.reached[Phase.STARTING].wait()
    await machine.kernels.cancel_all()
    assert machine.containers() == set()
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert all(isinstance(answer, LaunchCancelledError) for answer in answers)


async def test_a_program_that_ends(make: Make) -> None:
    """Running and starting kernels are removed, and others' are not."""
    machine = make(gpus=2)
    await machine.start()
    await machine.backend.create(
        replace(
            next(iter(machine.backend._store.records.values())).spec,
            name="another server's",
            labels={"jupyter-gpu-containers.version": "1", "jupyter-gpu-containers.owner": "x"},
        )
    )
    await machine.kernels.remove_all()
    assert [r.spec.name for r in machine.backend._store.records.values()] == ["another server's"]
    assert machine.kernels.seats.taken == []
    await machine.kernels.remove_all()


# --- one GPU for two kernels ----------------------------------------------------------------------


async def test_the_last_gpu_is_taken(make: Make) -> None:
    machine = make()
    first = await machine.start()
    with pytest.raises(GpusBusyError) as caught:
        await machine.start(kernel_id="k2")
    assert caught.value.error_code == "gpus_busy"
    assert machine.containers() == {first.container_id}
    await machine.kernels.remove(first)


async def test_switch_on_a_machine_with_one_gpu(make: Make) -> None:
    """The new kernel gets the GPU; when the old one goes, it is the new one's alone."""
    machine = make()
    old = await machine.start()
    new = await machine.start(kernel_id="k2", replaces="k1")
    assert new.gpus == old.gpus
    await machine.kernels.remove(old)
    with pytest.raises(GpusBusyError):
        await machine.start(kernel_id="k3")
    await machine.kernels.remove(new)
    await machine.kernels.remove(await machine.start(kernel_id="k3"))


async def test_a_switch_that_fails_leaves_the_old_kernel(make: Make) -> None:
    machine = make()
    old = await machine.start()
    with pytest.raises(KernelExitedError):
        await machine.start("/bin/sh", "-c", "exit 3", kernel_id="k2", replaces="k1")
    assert machine.containers() == {old.container_id}
    assert machine.kernels.get("k1") is old
    assert not old.ended.done()
    with pytest.raises(GpusBusyError):  # it still has its GPU
        await machine.start(kernel_id="k3")
    await machine.kernels.remove(old)


async def test_a_switch_from_a_kernel_that_is_gone(make: Make) -> None:
    machine = make()
    kernel = await machine.start(kernel_id="k2", replaces="nobody")
    await machine.kernels.remove(kernel)
