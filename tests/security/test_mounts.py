"""T4: a folder that becomes a symbolic link between the look at it and the mount."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.docker.mounts import wrong_mounts
from jupyter_gpu_containers.errors import ProfileMismatchError
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from tests.conftest import IMAGES

HOST = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 254:1 /@home /home rw shared:1 - btrfs /dev/vdb rw
25 24 0:50 / /home/ada/My\\040Drive rw - fuse.x x rw
26 22 0:60 / /run rw - tmpfs tmpfs rw
"""
INSIDE = """\
90 80 0:44 / / rw - overlay overlay rw
91 90 254:1 /@home/ada/work /work rw - btrfs /dev/vdb rw
92 90 254:0 /srv/data /data/x ro - ext4 /dev/vda rw
93 90 0:50 /a /drive rw - fuse.x x rw
94 90 0:60 /user/1000/k /run/user/1000/k rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("target", "source", "fits"),
    [
        ("/work", "/home/ada/work", True),
        ("/data/x", "/srv/data", True),
        ("/drive", "/home/ada/My Drive/a", True),
        ("/run/user/1000/k", "/run/user/1000/k", True),
        ("/work", "/home/ada/other", False),
        ("/work", "/home/ada", False),
        ("/data/x", "/srv/dat", False),
        ("/drive", "/home/ada/My Drive", False),
        ("/elsewhere", "/home/ada/work", True),  # the image has a link there: it is the folder
        ("/elsewhere", "/etc", False),
        ("/work/hidden", "/home/ada/work", False),  # inside another mount no image has links
    ],
)
def test_what_is_mounted_is_the_source_itself(target: str, source: str, fits: bool) -> None:
    binds = {"/work": "/home/ada/work"} | {target: source}
    assert wrong_mounts(binds, HOST, INSIDE) == ([] if fits else [target])


def test_of_two_mounts_at_one_place_the_last_counts() -> None:
    over = INSIDE + "95 91 254:0 /etc /work rw - ext4 /dev/vda rw\n"
    assert wrong_mounts({"/work": "/home/ada/work"}, HOST, over) == ["/work"]


@pytest.fixture
def backend(engine_host: str) -> Iterator[DockerBackend]:
    backend = DockerBackend(engine_host)
    yield backend
    backend.close()


async def spec(backend: DockerBackend, *mounts: Mount) -> ContainerSpec:
    return ContainerSpec(
        image=(await backend.image(IMAGES.debian12)).id,
        command=("sleep", "infinity"),
        name=f"jgc-mounts-{uuid.uuid4().hex}",
        user=f"{os.getuid()}:{os.getgid()}",
        working_dir="/tmp",
        labels={"jgc-mounts": "1"},
        mounts=mounts,
        network=Network.NONE,
    )


@pytest.mark.engine
@pytest.mark.parametrize("forget", [False, True], ids=["created here", "adopted"])
def test_a_folder_swapped_for_a_link_before_the_start(
    backend: DockerBackend, engine_host: str, tmp_path: Path, forget: bool
) -> None:
    """The engine follows the link; the container is killed, and the error names the folder."""
    work, secret = tmp_path / "work", tmp_path / "secret"
    work.mkdir()
    secret.mkdir()
    other = DockerBackend(engine_host)  # one that has not created the container

    async def scenario() -> None:
        container = await backend.create(await spec(backend, Mount(str(work), "/work")))
        try:
            work.rename(tmp_path / "aside")
            work.symlink_to(secret)
            end = backend.watch(container)
            starts = other if forget else backend
            with pytest.raises(ProfileMismatchError, match="Another folder") as refusal:
                await starts.start(container)
            assert f"/work is not {work}" in refusal.value.message
            exited = await asyncio.wait_for(asyncio.wrap_future(end), 30)
            assert exited.exit_code == 137
            # back in its place it is what was asked for, and the kernel restarts
            work.unlink()
            (tmp_path / "aside").rename(work)
            await starts.start(container)
        finally:
            await backend.remove(container)

    try:
        asyncio.run(scenario())
    finally:
        other.close()


@pytest.mark.engine
def test_a_source_that_is_a_link_is_refused(backend: DockerBackend, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    async def scenario() -> None:
        container = await backend.create(
            await spec(backend, Mount(str(tmp_path / "link"), "/work"))
        )
        try:
            with pytest.raises(ProfileMismatchError):
                await backend.start(container)
        finally:
            await backend.remove(container)

    asyncio.run(scenario())


@pytest.mark.engine
@pytest.mark.root
def test_starts_while_a_folder_is_swapped_all_the_time(
    backend: DockerBackend, tmp_path: Path
) -> None:
    """Who is let in has the folder itself; whatever else was mounted is refused."""
    work, link, secret = tmp_path / "work", tmp_path / "link", tmp_path / "secret"
    for folder in (work, secret):
        folder.mkdir()
        (folder / "mark").write_text(folder.name)
    link.symlink_to(secret)
    stop = threading.Event()

    def swap() -> None:
        while not stop.wait(0.001):
            exchange(work, link)

    async def attempt(made: ContainerSpec) -> bool:
        container = await backend.create(replace(made, name=f"jgc-mounts-{uuid.uuid4().hex}"))
        try:
            await backend.start(container)
        except ProfileMismatchError:
            return False
        else:
            assert await asyncio.to_thread(mark, container) == "work"
            return True
        finally:
            await backend.remove(container)

    async def scenario() -> set[bool]:
        made = await spec(backend, Mount(str(work), "/work"))
        outcomes: set[bool] = set()
        for _ in range(60):
            outcomes.add(await attempt(made))
            if len(outcomes) == 2:
                break
        return outcomes

    def mark(container: str) -> str:
        with closing(docker.APIClient(str(backend._url))) as client:
            pid = client.inspect_container(container)["State"]["Pid"]
        return Path(f"/proc/{pid}/root/work/mark").read_text()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        outcomes = asyncio.run(scenario())
    finally:
        stop.set()
        thread.join()
    assert outcomes == {True, False}


def exchange(one: Path, other: Path) -> None:
    """Swap two names at once: renameat2(2) with RENAME_EXCHANGE."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, flag = -100, 2
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), flag):
        raise OSError(ctypes.get_errno(), "renameat2")
