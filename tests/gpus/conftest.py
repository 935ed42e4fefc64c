"""Engines with fake GPUs, and kernels' containers on them."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from tests.doubles.engine import CdiEngine, HookEngine
from tests.doubles.nvml import fake_driver, uuid_of
from tests.engines import PrivateEngine
from tests.rooms import Room, enter

INSIDE = Path(__file__).with_name("inside.py")
MACHINE = "dgx-a100-mig"  # 8 GPUs, the first two split into MIG instances


@dataclass
class GpuRig:
    """The product's backend on an engine with GPUs, and what its containers see."""

    backend: DockerBackend
    image: str
    tools: Path  # holds inside.py and pynvml.py; in the engine's folder

    async def spec(self, *gpus: str, **changes: Any) -> ContainerSpec:
        spec = ContainerSpec(
            image=(await self.backend.image(self.image)).id,
            command=("python3", "/opt/inside.py"),
            name=f"jgc-gpu-test-{uuid.uuid4().hex}",
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/tmp",
            gpus=gpus,
            mounts=(Mount(str(self.tools), "/opt", read_only=True),),
            network=Network.NONE,
        )
        return replace(spec, **changes)

    async def look_inside(self, *gpus: str, **changes: Any) -> dict[str, Any]:
        """Run a container with these GPUs and return what `inside.py` sees there."""
        code, output = await self.backend.run(await self.spec(*gpus, **changes), timeout=60)
        assert code == 0, output
        seen: dict[str, Any] = json.loads(output)
        return seen

    async def started(self, *gpus: str) -> str:
        """Return the id of a container with these GPUs that runs until it is removed."""
        container_id = await self.backend.create(
            await self.spec(*gpus, command=("sleep", "infinity"))
        )
        await self.backend.start(container_id)
        return container_id


@pytest.fixture(scope="session")
def _hook_engine(
    tmp_path_factory: pytest.TempPathFactory, images: SimpleNamespace, engine_host: str
) -> Iterator[HookEngine]:
    engine = HookEngine(fake_driver(tmp_path_factory.mktemp("driver"), MACHINE))
    try:
        engine.begin_with(images.debian12, images.cuda, source=engine_host)
        engine.start()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def hook_engine(_hook_engine: HookEngine) -> Iterator[HookEngine]:
    """An engine with NVIDIA's runtime hook, as a machine with eight GPUs has it."""
    before = (dict(_hook_engine.config), dict(_hook_engine.env))
    yield _hook_engine
    _hook_engine.remove_containers()
    _hook_engine.driver.reset(MACHINE)
    if before != (_hook_engine.config, _hook_engine.env):
        _hook_engine.config, _hook_engine.env = before
        _hook_engine.restart()


def copy_tools(folder: Path) -> Path:
    """Make a folder to mount that holds `inside.py` and the real pynvml."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    shutil.copy(INSIDE, tools)
    shutil.copy(pynvml.__file__, tools)
    return tools


def devices(machine: str, *names: str | tuple[str, int]) -> list[Gpu]:
    """Return the leaf devices of a fake machine by section: "gpu3", ("gpu1", 2) for MIG."""
    found = []
    for name in names:
        section, mig = name if isinstance(name, tuple) else (name, None)
        minor = int(section.removeprefix("gpu"))  # in this order in all our machines
        found.append(Gpu(uuid_of(machine, section, mig), minor, "", minor_number=minor))
    return found


@contextmanager
def rig_on(engine: PrivateEngine, image: str, **options: Any) -> Iterator[GpuRig]:
    """Connect the product's backend, with these options, to an engine."""
    tools = copy_tools(engine.folder)
    backend = DockerBackend(engine.host, **options)
    try:
        yield GpuRig(backend, image, tools)
    finally:
        backend.close()


@pytest.fixture
def hook_rig(hook_engine: HookEngine, images: SimpleNamespace) -> Iterator[GpuRig]:
    """The product's backend on it."""
    with rig_on(hook_engine, images.debian12) as rig:
        yield rig


@pytest.fixture(scope="session")
def _cdi_engine(
    tmp_path_factory: pytest.TempPathFactory, images: SimpleNamespace, engine_host: str
) -> Iterator[CdiEngine]:
    engine = CdiEngine(fake_driver(tmp_path_factory.mktemp("driver"), MACHINE))
    try:
        engine.begin_with(images.debian12, images.cuda, source=engine_host)
        engine.start()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def cdi_engine(_cdi_engine: CdiEngine) -> Iterator[CdiEngine]:
    """An engine that knows CDI, on a machine with eight GPUs."""
    yield _cdi_engine
    _cdi_engine.remove_containers()


@pytest.fixture
def cdi_rig(cdi_engine: CdiEngine, images: SimpleNamespace) -> Iterator[GpuRig]:
    """The product's backend on it."""
    with rig_on(cdi_engine, images.debian12) as rig:
        yield rig


@pytest.fixture
def room(
    hook_engine: HookEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Room]:
    """A room whose engine has GPUs."""
    monkeypatch.setenv("DOCKER_HOST", hook_engine.host)
    room = Room("docker", tmp_path)
    enter(room, monkeypatch)
    try:
        yield room
    finally:
        room.close()
