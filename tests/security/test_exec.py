"""T36: what a program gets that is run beside a kernel, and whose containers it can be run in."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.errors import ContainerNotFoundError
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.launch import ROOT_CAPABILITIES, Launch, Phase
from jupyter_gpu_containers.service.kernel.shells import Shells
from jupyter_gpu_containers.service.recovery.signing import Signer
from tests.conftest import IMAGES

PROBES = Path(__file__).with_name("probes.py")
KERNEL = "3f1b7a52-3e43-4b6c-9a54-1f3f8a7b0c11"
# what a process is allowed: rights, filter of system calls, limits, and where it is
RIGHTS = (
    "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/{0}/status;"
    "cat /proc/{0}/oom_score_adj /proc/{0}/cgroup; grep -v '^Max pending' /proc/{0}/limits;"
    "ls -l /proc/{0}/ns | sed 's/.* //';"
    "cat /proc/{0}/environ | tr '\\0' '\\n' | grep -E '^(HOME|A)='"
)


async def output_of(backend: DockerBackend, container_id: str, *command: str) -> str:
    execution = await backend.execute(container_id, command)

    def read() -> str:
        parts = b""
        while (data := execution.read()[1]) != b"":
            parts += data
        assert execution.exit_code() == 0, parts
        return parts.decode()

    try:
        return await asyncio.to_thread(read)
    finally:
        await asyncio.to_thread(execution.close)


@pytest.mark.engine
@pytest.mark.root
@pytest.mark.parametrize("uid", [1234, 0])
def test_a_program_has_the_kernels_rights_and_no_others(
    engine_host: str, tmp_path: Path, uid: int
) -> None:
    shutil.copy(PROBES, tmp_path / "probes.py")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)  # else only root could read the probes

    async def scenario() -> None:
        backend = DockerBackend(engine_host)
        container_id = await backend.create(
            ContainerSpec(
                image=(await backend.image(IMAGES.debian12)).id,
                command=("sleep", "600"),
                name=f"jgc-exec-{uuid.uuid4().hex}",
                user=f"{uid}:{uid}",
                working_dir="/tmp",
                env={"HOME": "/home/kernel", "A": "b c"},
                mounts=(Mount(str(tmp_path), "/data/x", read_only=True),),
                memory=512 << 20,
                pids_limit=64,
                cap_add=ROOT_CAPABILITIES if uid == 0 else (),
                network=Network.NONE,
            )
        )
        try:
            await backend.start(container_id)
            find = "kernel=$(basename $(dirname $(grep -lx sleep /proc/[0-9]*/comm)));"
            script = find + RIGHTS.format("$kernel")
            kernels = await output_of(backend, container_id, "sh", "-c", script)
            programs = await output_of(backend, container_id, "sh", "-c", RIGHTS.format("self"))
            assert programs == kernels
            assert "NoNewPrivs:\t1" in programs
            assert "Seccomp:\t2" in programs
            probes = ("python3", "/data/x/probes.py", str(uid))
            seen = json.loads(await output_of(backend, container_id, *probes))
            assert seen["probes"] >= 25
            assert seen["succeeded"] == []
            assert seen["interfaces"] == ["lo"]
        finally:
            await backend.remove(container_id)
            backend.close()

    asyncio.run(scenario())


def test_only_the_users_own_kernels_are_entered() -> None:
    """A container that only says to be the kernel's is another's, and is not there for us."""

    async def scenario() -> None:
        backend, signer = MemoryBackend(transfer_seconds=0), Signer(b"ours")
        shells = Shells(backend, signer)
        image = (await backend.images())[0].id
        running = Launch(KERNEL, kernel_id=KERNEL).advance(Phase.RUNNING, 0.0)
        texts = labels.make_labels(purpose="kernel", owner="o", user="ada", kernel_id=KERNEL)
        spec = ContainerSpec(
            image=image,
            command=("sleep", "600"),
            name="counterfeit",
            user="0:0",
            working_dir="/tmp",
            labels=texts,
        )
        for another in (spec, Signer(b"theirs").signed(spec)):
            container_id = await backend.create(another)
            await backend.start(container_id)
            with pytest.raises(ContainerNotFoundError):
                await shells.program(KERNEL)
            with pytest.raises(ContainerNotFoundError):
                await shells.log(running, tail=1, follow=False)
            await backend.remove(container_id)
        ours = await backend.create(signer.signed(spec))
        await backend.start(ours)
        assert (await shells.program(KERNEL)).argv
        await backend.remove(ours)
        backend.close()

    asyncio.run(scenario())
