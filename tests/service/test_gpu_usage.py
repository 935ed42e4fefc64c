"""Who holds which GPU: claims of ours in every state, other processes, and not knowing."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import EnginePermissionError, EngineUnreachableError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import GpuProcess, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer
from jupyter_gpu_containers.model.gpu.slots import GpuSlots
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, EngineInfo
from jupyter_gpu_containers.service.gpu.usage import GpuState, GpuUse, Holder, gpu_usage
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


async def claim(
    backend: MemoryBackend, owner: str, gpus: Sequence[str], slots: Sequence[int] = ()
) -> str:
    """Create a container, not started, that claims GPUs."""
    return await backend.create(
        ContainerSpec(
            image=DEMO_IMAGES[0].id,
            command=("true",),
            name=f"kernel-{uuid4().hex}",
            user="1000:1000",
            working_dir="/",
            labels=labels.make_labels(
                purpose="kernel",
                owner=owner,
                user="ada",
                kernel_id="k1",
                gpus=gpus,
                slots=slots,
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
    usage = await gpu_usage(
        inventory, backend, "me", mean=lambda *of: 0.414 if of == (container, four.uuid) else None
    )
    (known,) = await backend.containers(labels.VERSION)
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
        memory_used=None,  # its process cannot be seen from here
        since=known.created,
        mean_utilization=41,
    )


async def test_another_process_claim_is_not_mine() -> None:
    backend = MemoryBackend()
    first, second, *_ = (await FOUR.snapshot()).gpus
    await claim(backend, "other", [first.uuid, second.uuid])
    usage = await gpu_usage(FOUR, backend, "me")
    assert [use.state.value for use in usage.uses] == ["claimed", "claimed", "free", "free"]
    assert [use.holder.mine for use in usage.uses if use.holder] == [False, False]


async def test_a_container_by_hand_has_its_gpu_although_it_does_not_compute() -> None:
    """As it counts for whoever wants a GPU; of what is behind it, nothing is known."""

    async def foreign() -> list[ForeignContainer]:
        return [ForeignContainer("f" * 64, "by-hand", frozenset({"1", "/dev/nvidia3"}))]

    usage = await gpu_usage(FOUR, MemoryBackend(), "me", foreign=foreign)
    states = [(use.state.value, use.holder) for use in usage.uses]
    assert states == [("free", None), ("in_use", None), ("free", None), ("in_use", None)]


def slots_of(use: GpuUse) -> tuple[str, int, int]:
    return use.state.value, len(use.holders), use.slots


async def test_slots() -> None:
    """A GPU with a free slot can be had, one without cannot, nor one that somebody has alone."""
    backend = MemoryBackend()
    one, two, three, _ = (await FOUR.snapshot()).gpus
    policy = GpuSlots.parse({"*": 2, "3": 1})
    await claim(backend, "me", [one.uuid, two.uuid], [2, 2])
    await claim(backend, "other", [two.uuid], [2])
    await claim(backend, "of other settings", [three.uuid])
    usage = await gpu_usage(FOUR, backend, "me", policy)
    assert [slots_of(use) for use in usage.uses] == [
        ("shared", 1, 2),
        ("claimed", 2, 2),
        ("claimed", 1, 1),
        ("free", 0, 1),
    ]
    assert [holder.mine for holder in usage.uses[1].holders] == [True, False]


async def test_a_shared_gpu_with_somebody_elses_process() -> None:
    """The kernels' own processes are no reason; one in no container, or in another, is."""
    backend = MemoryBackend()
    snapshot = await FOUR.snapshot()
    mine = await claim(backend, "me", [snapshot.gpus[0].uuid], [3])
    other = await claim(backend, "other", [snapshot.gpus[1].uuid], [3])
    policy = GpuSlots.parse({"0": 3})
    inventory = ChangedInventory([])
    states = []
    for containers in ([mine], [None], [mine, ""], [other], [mine, "f" * 64]):
        processes = tuple(GpuProcess(n + 1, 0, c) for n, c in enumerate(containers))
        gpu = replace(snapshot.gpus[0], processes=processes)
        inventory.change(replace(snapshot, gpus=(gpu,)))
        usage = await gpu_usage(inventory, backend, "me", policy)
        states.append(usage.uses[0].state.value)
    assert states == ["shared", "shared", "claimed", "claimed", "claimed"]


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
