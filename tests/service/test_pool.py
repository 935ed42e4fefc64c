"""Which environments have containers that wait: after which starts, how many, for how long."""

from __future__ import annotations

import asyncio
import concurrent.futures
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jupyter_gpu_containers.errors import EngineUnreachableError, GpusBusyError
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Phase
from jupyter_gpu_containers.service.kernel.kernels import Kernels
from jupyter_gpu_containers.service.launch.book import LaunchBook
from jupyter_gpu_containers.service.launch.launches import Launches
from jupyter_gpu_containers.service.pool.pool import DEMAND, INTERVAL, Pool, SpareRules
from jupyter_gpu_containers.service.pool.pressure import is_short_of_memory

KERNEL = ImageKernel("python3", "Python 3", "python", ("python3", "-m", "ipykernel_launcher"))


def environment(name: str, gpus: int = 0) -> Environment:
    return Environment(name, name.upper(), "image", f"sha256:{'0' * 64}", KERNEL, gpus=gpus)


@dataclass
class Waiting:
    """Stands for a spare."""

    kernel_id: str
    environment: Environment
    ended: concurrent.futures.Future[ContainerExit] = field(
        default_factory=concurrent.futures.Future
    )

    @property
    def waits(self) -> bool:
        return not self.ended.done()

    @property
    def gpus(self) -> tuple[str, ...]:
        return ("gpu",) * self.environment.gpus


@dataclass
class Shelf:
    """Stands for `Spares`: notes what it is told."""

    variables: frozenset[str] = frozenset({"JPY_SESSION_NAME"})
    free: list[Waiting] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    refusing: Exception | None = None
    gpus: int = 8  # of the machine, free for what waits
    cannot_wait: bool = False
    made: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def make(self, environment: Environment, own_env: dict[str, str]) -> Waiting | None:
        self.made += 1
        if self.refusing is not None:
            raise self.refusing
        if self.cannot_wait:
            return None
        if environment.gpus > self.gpus - sum(len(spare.gpus) for spare in self.free):
            raise GpusBusyError("None is free.")
        self.own = own_env
        spare = Waiting(f"s{self.made}", environment)
        self.free.append(spare)
        self.told.set()
        return spare

    def give_up(self, spare: Waiting) -> None:
        self.free.remove(spare)
        self.gone.append(spare.environment.name)
        self.told.set()

    async def given_up(self) -> None:
        """All goes at once here."""

    def give_up_promised(self, kernel_id: str) -> None:
        self.promised.remove(kernel_id)
        self.gone.append(kernel_id)

    async def close(self) -> None:
        self.free.clear()


@dataclass
class House:
    """A server whose starts and memory are a test's."""

    rules: SpareRules
    shelf: Shelf = field(default_factory=Shelf)
    book: LaunchBook = field(default_factory=LaunchBook)
    now: float = 1000.0
    short: bool = False
    somebody_waits: bool = False  # for GPUs
    running: dict[str, Any] = field(default_factory=dict)
    kernels: Any = None

    def __post_init__(self) -> None:
        self.kernels = SimpleNamespace(
            spares=self.shelf, starting=False, get=lambda kernel_id: self.running.get(kernel_id)
        )
        self.pool = Pool(
            self.rules,
            cast(Kernels, self.kernels),
            self.book,
            short_of_memory=lambda: self.short,
            demand=self._demand,
            quiet=1.0,
            clock=lambda: self.now,
        )
        self.book.on_change(self.pool._follow)

    async def _demand(self) -> bool:
        return self.somebody_waits

    def begin(self, kernel_id: str, name: str, *, gpus: int = 0) -> None:
        """Begin to start a kernel."""
        Launches.begin(cast(Launches, self.book), kernel_id, environment(name, gpus), "")
        seat = SimpleNamespace(env={"JPY_SESSION_NAME": "n", "OWN": "1"})
        self.running[kernel_id] = SimpleNamespace(
            environment=environment(name, gpus), seat=seat, gpus=("gpu",) * gpus
        )

    def start(self, kernel_id: str, name: str, *, gpus: int = 0) -> None:
        """Start a kernel; a second passes."""
        self.begin(kernel_id, name, gpus=gpus)
        self.book.advance(kernel_id, Phase.RUNNING)
        self.now += 1.0

    async def settle(self) -> list[str]:
        """Look until there is nothing to do; return for which environments containers wait."""
        for _ in range(10):
            if await self.pool.look() > 0:
                break
        return [spare.environment.name for spare in self.shelf.free]


@pytest.fixture
def house() -> House:
    return House(SpareRules(each=1, total=2, unused=600.0))


async def test_one_waits_for_each_that_was_started_last(house: House) -> None:
    assert await house.settle() == []
    house.start("k1", "a")
    assert await house.settle() == ["a"]
    assert house.shelf.own == {"OWN": "1"}  # what is handed over is not in it
    house.start("k2", "b")
    assert await house.settle() == ["a", "b"]
    house.start("k3", "c")
    assert await house.settle() == ["b", "c"]  # two in all: the one not used for longest goes
    house.start("k4", "a")
    assert await house.settle() == ["c", "a"]
    assert house.shelf.gone == ["a", "b"]


async def test_what_was_taken_is_made_anew(house: House) -> None:
    house.start("k1", "a")
    await house.settle()
    taken = house.shelf.free.pop()
    house.start(taken.kernel_id, "a")
    assert await house.settle() == ["a"]
    assert house.shelf.made == 2


async def test_several_where_it_is_so_configured() -> None:
    house = House(SpareRules(each=2, total=3))
    house.start("k1", "a")
    house.start("k2", "b")
    assert await house.settle() == ["b", "b", "a"]


async def test_none_for_what_has_gpus(house: House) -> None:
    house.start("k1", "a", gpus=1)
    assert await house.settle() == []


async def test_so_many_gpus_are_held_as_may_be() -> None:
    house = House(SpareRules(each=1, total=3, gpus=2))
    house.start("k1", "a", gpus=1)
    assert await house.settle() == ["a"]
    assert await house.pool.look() == DEMAND  # who waits elsewhere shall not wait for long
    house.start("k2", "b", gpus=2)
    assert await house.settle() == ["b"]  # the one started last
    house.start("k3", "c", gpus=3)
    house.start("k4", "d")
    assert await house.settle() == ["b", "d"]


async def test_gpus_are_held_only_while_nobody_waits_for_any() -> None:
    house = House(SpareRules(each=1, total=3, gpus=2))
    house.start("k1", "a", gpus=1)
    house.start("k2", "b")
    assert sorted(await house.settle()) == ["a", "b"]
    house.somebody_waits = True
    assert await house.settle() == ["b"]
    assert await house.pool.look() == INTERVAL
    house.somebody_waits = False
    assert sorted(await house.settle()) == ["a", "b"]


async def test_gpus_that_are_not_free_are_held_later() -> None:
    """The kernel that was started has the only one; others need none."""
    house = House(SpareRules(each=1, total=3, gpus=1))
    house.shelf.gpus = 0
    house.start("k1", "b")
    house.start("k2", "a", gpus=1)
    assert await house.settle() == ["b"]
    assert await house.pool.look() == INTERVAL
    house.shelf.gpus = 1  # that kernel has ended
    assert await house.settle() == ["b", "a"]


async def test_it_waits_until_no_start_is_in_progress(house: House) -> None:
    house.start("k1", "a")
    house.kernels.starting = True
    assert await house.pool.look() > 0
    assert house.shelf.made == 0
    house.kernels.starting = False
    house.begin("k2", "b")  # a page opens several notebooks, one after the other
    assert 0 < await house.pool.look() <= 1.0
    assert house.shelf.made == 0
    house.now += 1.0
    assert await house.settle() == ["a"]


async def test_what_is_not_used_is_given_up(house: House) -> None:
    house.start("k1", "a")
    assert await house.settle() == ["a"]
    house.now += 598.0
    assert await house.settle() == ["a"]
    house.now += 2.0
    assert await house.settle() == []


async def test_all_is_given_up_when_memory_is_short(house: House) -> None:
    house.start("k1", "a")
    assert await house.settle() == ["a"]
    house.short = True
    assert await house.settle() == []
    house.short = False
    assert await house.settle() == ["a"]


async def test_one_that_ends_is_not_made_again_until_it_is_started_again(house: House) -> None:
    house.start("k1", "a")
    await house.settle()
    house.shelf.free[0].ended.set_result(ContainerExit(1))
    assert await house.settle() == []
    assert (house.shelf.gone, house.shelf.made) == (["a"], 1)
    house.start("k2", "a")
    assert await house.settle() == ["a"]


@pytest.mark.parametrize("why", ["engine", "launcher"])
async def test_what_cannot_be_made_is_not_tried_for_ever(house: House, why: str) -> None:
    house.shelf.refusing = EngineUnreachableError("away") if why == "engine" else None
    house.shelf.cannot_wait = why == "launcher"
    house.start("k1", "a")
    assert await house.settle() == []
    assert await house.pool.look() == INTERVAL
    assert house.shelf.made == 1


async def test_what_a_launch_did_not_take_is_given_up(house: House) -> None:
    house.begin("s1", "a")
    house.shelf.promised = ["s1", "s2"]
    await house.settle()
    assert house.shelf.gone == ["s2"]  # nobody has such a launch
    house.book.advance("s1", Phase.FAILED)
    await house.settle()
    assert house.shelf.gone == ["s2", "s1"]


async def test_given_up_on_request_it_comes_back_with_the_next_start(house: House) -> None:
    house.start("k1", "a")
    await house.settle()
    await house.pool.give_up()
    assert await house.settle() == []
    house.start("k2", "a")
    assert await house.settle() == ["a"]


async def test_it_tells_when_others_wait_than_before(house: House) -> None:
    told = asyncio.Semaphore(0)
    house.pool.on_change(told.release)
    running = asyncio.ensure_future(house.pool.run())
    await asyncio.sleep(0)  # it listens
    house.start("k1", "a")
    house.now += 10
    await told.acquire()
    assert [one.environment.name for one in house.shelf.free] == ["a"]
    await house.pool.give_up()
    await told.acquire()
    assert told.locked()  # once for each
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_waits_is_no_reason_to_keep_an_image(house: House) -> None:
    house.start("k1", "a")
    await house.settle()
    await house.pool.leave_image(f"sha256:{'1' * 64}")
    assert await house.settle() == ["a"]
    await house.pool.leave_image(environment("a").image_id)
    assert await house.settle() == []


async def test_it_looks_when_something_has_changed_and_clears_up_in_the_end() -> None:
    house = House(SpareRules(each=1))
    house.pool._quiet = 0.0
    running = asyncio.ensure_future(house.pool.run())
    await asyncio.sleep(0)
    house.start("k1", "a")
    await asyncio.wait_for(house.shelf.told.wait(), 10)
    house.shelf.told.clear()
    house.shelf.free[0].ended.set_result(ContainerExit(1))
    await asyncio.wait_for(house.shelf.told.wait(), 10)
    assert house.shelf.gone == ["a"]
    house.shelf.free.append(Waiting("s9", environment("z")))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert house.shelf.free == []


async def test_switched_off_it_does_nothing() -> None:
    await asyncio.wait_for(House(SpareRules()).pool.run(), 10)


@pytest.mark.parametrize(
    ("meminfo", "pressure", "short"),
    [
        ("MemTotal: 1000 kB\nMemAvailable: 150 kB\n", "some avg10=0.00 avg60=0.00", False),
        ("MemTotal: 1000 kB\nMemAvailable: 149 kB\n", "some avg10=0.00 avg60=0.00", True),
        ("MemTotal: 1000 kB\nMemAvailable: 900 kB\n", "some avg10=10.01 avg60=0.00", True),
        ("MemTotal: 1000 kB\nMemAvailable: 900 kB\n", None, False),
        (None, None, False),
        ("MemTotal: 1000 kB\n", None, False),  # a kernel older than 3.14
    ],
)
def test_short_of_memory(
    tmp_path: Path, meminfo: str | None, pressure: str | None, short: bool
) -> None:
    (tmp_path / "pressure").mkdir()
    if meminfo is not None:
        (tmp_path / "meminfo").write_text(meminfo)
    if pressure is not None:
        (tmp_path / "pressure" / "memory").write_text(f"{pressure} total=1\nfull avg10=99.00\n")
    assert is_short_of_memory(tmp_path) is short
