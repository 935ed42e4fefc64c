"""A package that a cell installs, by any user, kept as an image from which others start kernels."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pip
import pytest

from jupyter_gpu_containers.errors import ContainerNotFoundError, KernelNotRunningError
from jupyter_gpu_containers.model.image.container_diff import ChangeKind
from jupyter_gpu_containers.model.image.recipe import PIP_LOCK
from jupyter_gpu_containers.model.image.user_packages import USER_BASE, VARIABLE
from jupyter_gpu_containers.model.job import JobState
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.launch import HOME, Caller
from tests.kernels import Kernel, running
from tests.rooms import Room
from tests.wheels import make_wheel

pytestmark = pytest.mark.engine

CALLERS = [0, 4242] if os.geteuid() == 0 else [os.getuid()]
INSTALL = "%pip install --quiet --no-index --find-links . greeting"
GREET = "import greeting; print(greeting.word, greeting.__file__)"


async def with_pip(kernel: Kernel) -> None:
    """Give a kernel pip, which Debian's Python lacks; no index can be reached."""
    await kernel.run("import os; os.environ['PYTHONPATH'] = os.path.abspath('tools')")


@pytest.fixture
def room(engine_room: Room) -> Room:
    """A room whose folders other users may look into, with a wheel, and pip."""
    tools = engine_room.workspace / "tools"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pip.__file__).parent, tools / "pip", ignore=ignore)
    make_wheel(engine_room.workspace, "greeting", "1.2", "word = 'hello'\n")
    engine_room.base.chmod(0o755)
    return engine_room


@pytest.fixture
def engine(engine_host: str) -> Iterator[Any]:
    """A client beside the product's own."""
    client = docker.APIClient(base_url=engine_host)
    yield client
    client.close()


@pytest.fixture
def name(engine: Any) -> Iterator[str]:
    """The name of an image; none of that name is left on the engine."""
    reference = f"jgc-test/made-{os.urandom(4).hex()}:1"
    yield reference
    if engine.images(name=reference):
        engine.remove_image(reference, force=True)


def become(room: Room, uid: int) -> None:
    """Start kernels as another user."""
    if uid != os.geteuid():
        room.services.kernels.seats.caller = Caller(uid, uid, f"uid{uid}")


@pytest.mark.parametrize("uid", CALLERS)
async def test_a_package_comes_back_elsewhere(
    room: Room, engine: Any, name: str, images: SimpleNamespace, uid: int
) -> None:
    base = images.debian13
    services = room.services
    become(room, uid)
    environment = await room.environment(base)
    before = engine.inspect_image(base)
    async with running(environment.name, cwd=str(room.workspace)) as kernel:
        kernel_id = kernel.manager.provisioner.kernel_id  # type: ignore[union-attr]
        await with_pip(kernel)
        # Debian's Python is one that pip would not touch, and no folder of it is an ordinary user's
        assert "rror" not in await kernel.run(INSTALL)
        greeting = await kernel.run(GREET)  # without a restart
        assert greeting.startswith("hello /")
        await kernel.run("open('/tmp/id_rsa', 'w').write('a'); open('/tmp/x', 'w').write('x')")
        await kernel.run("open(os.path.expanduser('~/mine.txt'), 'w').write('x' * 1000)")

        preview = await services.commits.preview(kernel_id)
        assert [(p.manager, p.name, p.kind, p.after) for p in preview.packages] == [
            ("pip", "greeting", ChangeKind.ADDED, "1.2")
        ]
        assert [file.path for file in preview.credentials] == ["/tmp/id_rsa"]
        assert preview.files == {PIP_LOCK: "greeting==1.2\n"}
        assert preview.dockerfile.count("RUN ") == 1
        assert preview.size
        assert sum(folder.size for folder in preview.folders) <= preview.size
        assert all(folder.folder != "/usr/sbin" for folder in preview.folders)
        (home,) = [one for one in preview.left_out if one.path == HOME]
        assert home.size is not None
        assert home.size >= 1000
        assert str(room.workspace) in {one.path for one in preview.left_out}

        job = services.commits.submit(kernel_id, name)
        assert services.commits.submit(kernel_id, name).id == job.id
        made = await services.jobs.finished(job.id)
        assert made.state is JobState.SUCCEEDED, made.error
        assert (await kernel.run("greeting.word")) == "'hello'"  # it goes on

    after = engine.inspect_image(name)
    assert after["Id"] == made.image_id
    ours = {VARIABLE: f"{VARIABLE}={USER_BASE}"} if uid else {}
    assert after["Config"] == {
        **before["Config"],
        "Env": [*before["Config"]["Env"], *ours.values()],
    }
    assert len(after["RootFS"]["Layers"]) == len(before["RootFS"]["Layers"]) + 1
    assert len(engine.history(name)) == len(engine.history(base)) + 1
    assert not [row for row in engine.images(filters={"dangling": True}) if _ours(row)]

    if uid == 0 or os.geteuid() == 0:
        become(room, uid + 1)  # who is somebody else there
    environment = await room.environment(name)
    async with running(environment.name, cwd=str(room.workspace)) as kernel:
        assert await kernel.run(GREET) == greeting
        if uid:
            await with_pip(kernel)
            make_wheel(room.workspace, "farewell", "1.0", "word = 'bye'\n")
            assert "rror" not in await kernel.run(INSTALL.replace("greeting", "farewell"))
            assert await kernel.run("import farewell; print(farewell.word)") == "bye"


def _ours(row: dict[str, dict[str, str] | None]) -> bool:
    return any(key.startswith(labels.PREFIX) for key in row["Labels"] or {})


async def test_a_kernel_that_does_not_run_is_no_image(room: Room) -> None:
    commits = room.services.commits
    with pytest.raises(ContainerNotFoundError, match="no container"):
        await commits.preview("00000000-0000-0000-0000-000000000000")
    environment = await room.environment(room.image)
    async with running(environment.name) as kernel:
        kernel_id = kernel.manager.provisioner.kernel_id  # type: ignore[union-attr]
        killed = asyncio.ensure_future(kernel.run("import os; os.kill(os.getpid(), 9)"))
        await kernel.ended()
        killed.cancel()
        with pytest.raises(KernelNotRunningError, match="exited"):
            await commits.preview(kernel_id)
        job = commits.submit(kernel_id, "jgc-test/none:1")
        failed = await room.services.jobs.finished(job.id)
        assert failed.error is not None
        assert failed.error.code == "kernel_not_running"
