"""Waivers of an image's conditions: from the start of a kernel to the container that is created."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import demo_image
from jupyter_gpu_containers.errors import ConflictError, ImageNotFoundError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import Image, ImageKernel
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Caller, Launch, Phase, Policy
from jupyter_gpu_containers.runtime.facts import FileImageFacts
from jupyter_gpu_containers.service.image.verdicts import Verdicts
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.kernel.seats import Seats
from jupyter_gpu_containers.service.kernel.waivers import Waivers
from jupyter_gpu_containers.service.launch.book import LaunchBook
from tests.service.test_kernels import ANSWERS


def wants(cuda: str) -> Image:
    """An image of before 2018: what it wants of the driver is its own CUDA."""
    env = {"CUDA_VERSION": cuda}
    reference = f"example.org/team/image:{cuda}"
    return demo_image(reference, size=1, created=0, python="3.12.3", env=env)


class Recording(MemoryBackend):
    """The real thing, which keeps what it was asked to create."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.created: list[ContainerSpec] = []

    async def create(self, spec: ContainerSpec) -> str:
        self.created.append(spec)
        return await super().create(spec)


@pytest.fixture
def backend() -> Iterator[Recording]:
    """An engine with images for three versions of CUDA."""
    store = MemoryStore(map(wants, ("12.4.1", "12.6.2", "13.0.1")))
    yield Recording(store=store)
    store.kill_all()


@dataclass
class Told:
    """A launch, as its kernel's start tells of it; and how it was at each phase."""

    book: LaunchBook = field(default_factory=LaunchBook)
    seen: list[tuple[Phase, list[str]]] = field(default_factory=list)

    def __call__(self, phase: Phase, **changes: Any) -> None:
        self.book.advance("k1", phase, **changes)
        launch = self.book.get("k1")
        self.seen.append((phase, [warning.code for warning in launch.warnings]))


def start(
    backend: Recording,
    folder: Path,
    cuda: str,
    *,
    gpus: int = 1,
    told: Told | None = None,
    **variables: str,
) -> list[str | None]:
    """Start a kernel, restart it, and end it; return the variable in each container created.

    The machine has one GPU with a driver for CUDA 12.4.
    """
    told = told or Told()
    told.book._put(Launch("k1"))
    inventory = FixedInventory([{}], driver_version="550.54.15", cuda_version="12.4")
    seats = Seats(
        run_root=folder / "r",
        home_root=folder / "h",
        caller=Caller(os.getuid(), os.getgid(), "ada"),
        workspace=str(folder),
    )
    facts = FileImageFacts(folder / "facts")
    kernels = Kernels(
        backend,
        Claims(backend, inventory),
        seats,
        Policy(environment_variables=variables),
        waivers=Waivers(backend, facts, Verdicts(backend, inventory)),
    )
    image = wants(cuda)
    kernel = ImageKernel("python3", "Python 3", "python", ANSWERS)
    environment = Environment("e", "E", image.references[0], image.id, kernel, gpus)

    async def scenario() -> None:
        seat = seats.take("k1", working_dir=None, env={}, own_env={})
        try:
            started = await kernels.start(environment, seat, f"ipc://{seat.run_dir}/k-5", told)
            told.book.warn("k1", Problem("gpu_lost", "It fell off the bus."))
            await kernels.signal(started, signal.SIGKILL)
            await asyncio.wrap_future(started.ended)
            started = await kernels.restart(started, told)
            await kernels.remove(started)
        finally:
            seats.leave(seat)

    asyncio.run(scenario())
    return [spec.env.get("NVIDIA_DISABLE_REQUIRE") for spec in backend.created]


@pytest.mark.parametrize(("cuda", "waived"), [("12.6.2", "1"), ("12.4.1", None)])
def test_the_variable_is_there_where_it_is_needed(
    backend: Recording, tmp_path: Path, cuda: str, waived: str | None
) -> None:
    assert start(backend, tmp_path, cuda) == [waived]


def test_the_user_is_told_for_as_long_as_it_holds(backend: Recording, tmp_path: Path) -> None:
    """From the start on, and also after a restart, which ends other warnings."""
    start(backend, tmp_path, "12.6.2", told=(told := Told()))
    assert told.seen == [
        (Phase.CREATING, []),
        (Phase.STARTING, ["requirement_waived"]),
        (Phase.RUNNING, ["requirement_waived"]),
        (Phase.STARTING, ["requirement_waived"]),
        (Phase.RUNNING, ["requirement_waived"]),
    ]
    [warning] = told.book.get("k1").warnings
    assert "cuda>=12.6" in warning.message
    assert "NVIDIA_DISABLE_REQUIRE=1" in warning.message
    assert "update the driver" in warning.hint


def test_nothing_is_told_where_nothing_was_waived(backend: Recording, tmp_path: Path) -> None:
    start(backend, tmp_path, "12.4.1", told=(told := Told()))
    assert [phase for phase, warnings in told.seen if "requirement_waived" in warnings] == []
    assert len(told.seen) == 5


@pytest.mark.parametrize("cuda", ["12.4.1", "12.6.2", "13.0.1"])
def test_a_kernel_without_gpus_gets_no_variable_and_is_not_refused(
    backend: Recording, tmp_path: Path, cuda: str
) -> None:
    assert start(backend, tmp_path, cuda, gpus=0) == [None]


def test_what_cannot_run_is_refused_before_anything_is_created(
    backend: Recording, tmp_path: Path
) -> None:
    with pytest.raises(ConflictError, match=r"CUDA 13\.0\.1 needs driver >= 580") as refused:
        start(backend, tmp_path, "13.0.1")
    assert refused.value.error_code == "requirement_not_met"
    assert backend.created == []


def test_the_administrator_may_start_it_all_the_same(backend: Recording, tmp_path: Path) -> None:
    assert start(backend, tmp_path, "13.0.1", NVIDIA_DISABLE_REQUIRE="1") == ["1"]


def test_an_image_that_is_gone(backend: Recording, tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError) as gone:
        start(backend, tmp_path, "12.8.0")
    assert gone.value.error_code == "environment_image_missing"
    assert backend.created == []
