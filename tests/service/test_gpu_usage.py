"""Who holds which GPU: claims of ours in every state, other processes, and not knowing."""

from collections.abc import Sequence
from dataclasses import replace

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import EnginePermissionError, EngineUnreachableError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model import labels
from jupyter_gpu_containers.model.container import Container, ContainerSpec, EngineInfo
from jupyter_gpu_containers.model.gpu import GpuProcess, GpuSnapshot, Problem
from jupyter_gpu_containers.service.gpu_usage import GpuState, Holder, gpu_usage
from jupyter_gpu_containers.service.status import Status, status

FOUR = FixedInventory([{"name": "NVIDIA H200", "memory_gib": 141, "count": 4}])


class ChangedInventory(FixedInventory):
    """A fixed inventory whose snapshot is replaced."""

    def change(self, snapshot: GpuSnapshot) -> None:
        self._snapshot = snapshot


class UnreachableBackend(MemoryBackend):
    """The engine is away."""

    async def info(self) -> EngineInfo:
        raise EnginePermissionError("The engine's socket refuses this user.", "newgrp docker")

    async def containers(self, label: str) -> list[Container]:
        raise EngineUnreachableError("No container engine answers.", "sudo systemctl start docker")


async def claim(backend: MemoryBackend, owner: str, gpus: Sequence[str]) -> str:
    """Create a container, not started, that claims GPUs."""
    return await backend.create(
        ContainerSpec(
            image=DEMO_IMAGES[0].id,
            command=("true",),
            name=f"kernel-{owner}",
            user="1000:1000",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel",
                owner=owner,
                user="ada",
                kernel_id="k1",
                gpus=gpus,
                environment="torch",
                display_name="PyTorch 25.08 · 2 GPUs",
                notebook="a.ipynb",
            ),
        )
    )


async def test_claims_processes_problems_and_free_ones() -> None:
    snapshot = await FOUR.snapshot()
    one, two, three, four = snapshot.gpus
    lost = Problem("gpu_lost", "The GPU fell off the bus.", "Reboot this machine.")
    inventory = ChangedInventory([])
    inventory.change(
        replace(
            snapshot,
            gpus=(
                one,
                replace(two, processes=(GpuProcess(4711),)),
                replace(three, problem=lost),
                replace(four, processes=(GpuProcess(4712),)),
            ),
        )
    )
    backend = MemoryBackend()
    container = await claim(backend, "me", [four.uuid])
    usage = await gpu_usage(inventory, backend, "me")
    assert [(use.state, use.holder is not None, use.problem) for use in usage.uses] == [
        (GpuState.FREE, False, None),
        (GpuState.IN_USE, False, None),
        (GpuState.UNAVAILABLE, False, lost),
        (GpuState.CLAIMED, True, None),
    ]
    assert usage.uses[3].holder == Holder(
        container_id=container,
        kernel_id="k1",
        environment="torch",
        display_name="PyTorch 25.08 · 2 GPUs",
        notebook="a.ipynb",
        owner="ada",
        mine=True,
    )


async def test_another_process_claim_is_not_mine() -> None:
    backend = MemoryBackend()
    first, second, *_ = (await FOUR.snapshot()).gpus
    await claim(backend, "other", [first.uuid, second.uuid])
    usage = await gpu_usage(FOUR, backend, "me")
    assert [use.state.value for use in usage.uses] == ["claimed", "claimed", "free", "free"]
    assert [use.holder.mine for use in usage.uses if use.holder] == [False, False]


async def test_no_gpu_is_an_answer() -> None:
    usage = await gpu_usage(FixedInventory([]), MemoryBackend(), "me")
    assert usage.uses == ()
    assert usage.snapshot.problem is not None


async def test_without_an_engine_no_gpu_is_called_free() -> None:
    usage = await gpu_usage(FOUR, UnreachableBackend(), "me")
    assert {use.state for use in usage.uses} == {GpuState.UNAVAILABLE}
    assert {use.problem.code for use in usage.uses if use.problem} == {"engine_unreachable"}
    assert usage.uses[0].gpu.name == "NVIDIA H200"


async def test_what_stands_behind() -> None:
    here = await status(MemoryBackend())
    assert here.demo
    assert here.engine is not None
    assert here.engine.name == "memory"
    assert await status(UnreachableBackend()) == Status(
        demo=True,
        problem=Problem(
            "engine_permission", "The engine's socket refuses this user.", "newgrp docker"
        ),
    )
