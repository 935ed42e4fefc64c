"""GPUs as NVML names them, and the choice of which ones a launch gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from jupyter_gpu_containers.errors import GpusBusyError, NotEnoughGpusError


@dataclass(frozen=True)
class Problem:
    """Why something cannot be used; same form as an error on the wire."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU (``nvmlDeviceGetComputeRunningProcesses``)."""

    pid: int  # on the host: the driver knows no PID namespaces
    memory_used: int | None = None  # bytes; None where the driver does not tell


@dataclass(frozen=True)
class Gpu:
    """A leaf device: a whole GPU that is not in MIG mode, or one MIG instance.

    Only leaf devices can be allocated. ``uuid`` (``GPU-…`` or ``MIG-…``) is the identity;
    ``index`` changes over reboots and is for display only.
    """

    uuid: str
    index: int  # of the GPU, or of the parent GPU of a MIG instance
    name: str
    memory_total: int = 0  # bytes, without what the driver reserves for itself
    memory_used: int = 0  # bytes
    utilization: int | None = None  # percent; None where not supported (MIG)
    compute_capability: tuple[int, int] | None = None
    minor_number: int | None = None  # N of /dev/nvidiaN (of the parent for MIG)
    parent_uuid: str | None = None  # set for MIG instances
    mig_profile: str | None = None  # "1g.10gb"
    processes: tuple[GpuProcess, ...] = ()
    problem: Problem | None = None  # set: visible, but not to be given out
    brand: str | None = None  # product line as libnvidia-container names it: "Tesla", "GeForce"

    @property
    def memory_free(self) -> int:
        """Bytes that no process holds."""
        return max(0, self.memory_total - self.memory_used)


@dataclass(frozen=True)
class Driver:
    """The host's NVIDIA driver."""

    version: str  # "570.124.06"
    cuda_version: str | None = None  # newest CUDA that the driver supports, "12.8"


@dataclass(frozen=True)
class GpuSnapshot:
    """All that NVML told at one moment. No driver and no GPU are answers, not errors."""

    gpus: tuple[Gpu, ...] = ()
    driver: Driver | None = None
    problem: Problem | None = None  # why there is no GPU, where a reason is known


@dataclass(frozen=True)
class GpuRequest:
    """How many leaf devices a launch wants; 0 is a CPU kernel."""

    count: int = 0
    uuids: tuple[str, ...] = field(default=())  # particular devices; then count is their number

    def __post_init__(self) -> None:
        if self.uuids and self.count != len(self.uuids):
            object.__setattr__(self, "count", len(self.uuids))


def suitable_gpus(snapshot: GpuSnapshot, request: GpuRequest) -> list[Gpu]:
    """Return the leaf devices that a request could use, however busy they are now."""
    wanted = set(request.uuids)
    return [g for g in snapshot.gpus if g.problem is None and (not wanted or g.uuid in wanted)]


def select_gpus(
    snapshot: GpuSnapshot,
    busy: Collection[str],
    request: GpuRequest,
    *,
    handover: Sequence[str] = (),
    shuffle: Iterable[int] = (),
) -> tuple[Gpu, ...]:
    """Choose leaf devices for a request.

    Whole GPUs come before MIG instances, devices with more free memory before others. Devices in
    ``handover`` belong to the kernel that the launch replaces: they are taken only when
    there are too few free ones.

    Parameters
    ----------
    snapshot : GpuSnapshot
    busy : collection of str
        UUIDs that a container or somebody else's process holds.
    request : GpuRequest
    handover : sequence of str
        UUIDs that may be taken over although they are busy.
    shuffle : iterable of int
        Tie-breakers, one per device, so that several servers rarely want the same one.

    Raises
    ------
    NotEnoughGpusError
        More devices than this machine has, however busy they are.
    GpusBusyError
        More devices than are free now.
    """
    if request.count == 0:
        return ()
    ties = dict(enumerate(shuffle))
    usable = suitable_gpus(snapshot, request)
    if len(usable) < request.count:
        raise _too_many(snapshot, request, len(usable))
    taken = set(busy) - set(handover)
    ranked = sorted(
        (
            (g.uuid in busy, g.mig_profile is not None, -g.memory_free, ties.get(i, i), i)
            for i, g in enumerate(usable)
            if g.uuid not in taken
        ),
    )
    if len(ranked) < request.count:
        raise GpusBusyError(
            f"{_gpus(request.count)} asked for, but {len(ranked) or 'none'} of {len(usable)} "
            f"{'are' if len(ranked) > 1 else 'is'} free.",
            "Stop a kernel that holds a GPU (panel, or `jupyter gpu-containers ps`), "
            "ask for fewer, or start on CPU.",
        )
    return tuple(usable[rank[-1]] for rank in ranked[: request.count])


def _too_many(snapshot: GpuSnapshot, request: GpuRequest, usable: int) -> NotEnoughGpusError:
    if request.uuids:
        known = {g.uuid for g in snapshot.gpus if g.problem is None}
        missing = ", ".join(u for u in request.uuids if u not in known)
        return NotEnoughGpusError(
            f"This machine has no usable GPU {missing}.",
            "List the GPUs with `jupyter gpu-containers gpus`.",
        )
    if usable == 0:
        why = f" {snapshot.problem.message}" if snapshot.problem else ""
        return NotEnoughGpusError(
            f"{_gpus(request.count)} asked for, but this machine has none that can be used.{why}",
            (snapshot.problem.hint if snapshot.problem else "") or "Start with 0 GPUs, on the CPU.",
        )
    return NotEnoughGpusError(
        f"{_gpus(request.count)} asked for, but this machine has {usable}.",
        f"Ask for at most {usable}.",
    )


def _gpus(count: int) -> str:
    return "1 GPU was" if count == 1 else f"{count} GPUs were"
