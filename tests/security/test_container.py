"""T1, T18, T22, T25, T27: what a process in a kernel's container tries, on the real engine."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.launch import ROOT_CAPABILITIES
from tests.conftest import IMAGES

pytestmark = [pytest.mark.engine, pytest.mark.root]
PROBES = Path(__file__).with_name("probes.py")


@pytest.fixture
def backend(engine_host: str) -> Iterator[DockerBackend]:
    backend = DockerBackend(engine_host)
    yield backend
    backend.close()


@pytest.mark.parametrize("uid", [1234, 0])
@pytest.mark.parametrize("network", list(Network))
def test_nothing_leads_out(
    backend: DockerBackend, tmp_path: Path, uid: int, network: Network
) -> None:
    """As an ordinary user, and as root with the five capabilities that root gets."""
    shutil.copy(PROBES, tmp_path / "probes.py")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)  # else only root could read the probes

    async def scenario() -> tuple[int, str]:
        made = ContainerSpec(
            image=(await backend.image(IMAGES.debian12)).id,
            command=("python3", "/data/x/probes.py", str(uid)),
            name=f"jgc-probes-{uuid.uuid4().hex}",
            user=f"{uid}:{uid}",
            working_dir="/tmp",
            mounts=(Mount(str(tmp_path), "/data/x", read_only=True),),
            memory=512 << 20,
            pids_limit=64,
            cap_add=ROOT_CAPABILITIES if uid == 0 else (),
            network=network,
        )
        return await backend.run(made, timeout=60)

    code, output = asyncio.run(scenario())
    assert code == 0, output
    seen = json.loads(output)
    assert seen["probes"] >= 25
    assert seen["succeeded"] == []
    assert seen["sockets"] == []
    assert seen["listens"] == []
    assert seen["interfaces"] == (["lo"] if network is Network.NONE else ["eth0", "lo"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["probes.py"]


def test_a_core_is_not_dumped(backend: DockerBackend, tmp_path: Path) -> None:
    """A process that aborts in the workspace leaves no file as large as its memory."""
    tmp_path.chmod(0o777)

    async def scenario() -> tuple[int, str]:
        made = ContainerSpec(
            image=(await backend.image(IMAGES.debian12)).id,
            command=("python3", "-c", "import os; os.abort()"),
            name=f"jgc-probes-{uuid.uuid4().hex}",
            user="0:0",
            working_dir="/work",
            mounts=(Mount(str(tmp_path), "/work"),),
            network=Network.NONE,
        )
        return await backend.run(made, timeout=60)

    code, _ = asyncio.run(scenario())
    assert code == 134  # SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_the_probes_see_what_succeeds(engine_host: str) -> None:
    """Harmless ones of them, in a container that may: they are not all in vain."""
    harmless = ["sethostname", "raw socket", "unshare mounts"]
    with closing(docker.DockerClient(base_url=engine_host)) as client:
        output = client.containers.run(
            IMAGES.debian12,
            ["python3", "-c", PROBES.read_text(), "0", *harmless],
            entrypoint="",
            cap_add=["SYS_ADMIN", "NET_RAW"],
            security_opt=["seccomp=unconfined"],
            network_mode="none",
            remove=True,
        )
    assert set(json.loads(output)["succeeded"]) == set(harmless)
