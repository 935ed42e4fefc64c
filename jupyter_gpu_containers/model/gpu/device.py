"""GPUs as NVML names them, and what a launch asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_gpu_containers.errors import InvalidRequestError

from .links import GpuLink


@dataclass(frozen=True)
class Problem:
    """Why something cannot be used; same form as an error on the wire."""

    code: str
    message: str
    hint: str = ""
    log: str = ""  # the last lines of the kernel or container that it is about


@dataclass(frozen=True)
class GpuProcess:
    """A process that computes on a GPU (``nvmlDeviceGetComputeRunningProcesses``)."""

    pid: int  # on the host: the driver knows no PID namespaces
    memory_used: int | None = None  # bytes; None where the driver does not tell
    container_id: str | None = None  # "" = in no container, None = nobody can say


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
    processes_known: bool = True  # False: nobody can say whether a process computes on it
    problem: Problem | None = None  # set: visible, but not to be given out
    brand: str | None = None  # product line as libnvidia-container names it: "Tesla", "GeForce"
    recovery_action: str | None = None  # see gpu_health.RecoveryAction; None = the driver tells not
    energy: float | None = None  # joules taken since the driver was loaded; None = it tells not
    power: float | None = None  # watts, where it tells no energy; MIG instances have neither

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
    # by the two UUIDs, the smaller one first; a pair that is not there is of unknown distance
    links: Mapping[tuple[str, str], GpuLink] = field(default_factory=dict)
    stale: bool = False  # the driver does not answer now; this is what it said before

    def link(self, one: str, other: str) -> GpuLink | None:
        """Return how two GPUs, by UUID, reach each other; None where nobody knows."""
        return self.links.get((min(one, other), max(one, other)))


@dataclass(frozen=True)
class GpuRequest:
    """How many leaf devices a launch wants; 0 is a CPU kernel."""

    count: int = 0
    uuids: tuple[str, ...] = field(default=())  # particular devices; then count is their number
    profile: str | None = None  # MIG instances of this profile, "1g.10gb"

    def __post_init__(self) -> None:
        if self.uuids:
            object.__setattr__(self, "uuids", tuple(dict.fromkeys(self.uuids)))
            object.__setattr__(self, "count", len(self.uuids))

    @property
    def words(self) -> str:
        """What is asked for, to be followed by "asked for": "2 GPUs were"."""
        what = f"MIG instance{'s' * (self.count != 1)} {self.profile}" if self.profile else None
        return f"{self.count} {what or 'GPU' + 's' * (self.count != 1)} " + (
            "was" if self.count == 1 else "were"
        )


def asked_gpus(gpus: int, uuids: Sequence[str] = (), profile: str | None = None) -> GpuRequest:
    """Return what a client asks for: a number, particular devices, or MIG instances of a size.

    Raises
    ------
    InvalidRequestError
        These contradict each other.
    """
    request = GpuRequest(gpus, tuple(uuids), profile)
    if uuids and (profile or gpus not in (0, request.count)):
        what = f"the MIG profile {profile}" if profile else f"{gpus} GPUs"
        raise InvalidRequestError(
            f"Particular GPUs were named, and {what} besides.", "Ask for one or the other."
        )
    if profile and request.count == 0:
        raise InvalidRequestError(
            f"The MIG profile {profile[:40]} was named, but no GPU was asked for.",
            "Ask for 1 GPU of this profile.",
        )
    return request


def suitable_gpus(snapshot: GpuSnapshot, request: GpuRequest) -> list[Gpu]:
    """Return the leaf devices that a request could use, however busy they are now.

    Without a MIG profile these are whole GPUs, and MIG instances only where there is no whole GPU:
    a part of one is not what "1 GPU" means, and of several devices of which one is a MIG instance
    CUDA shows a program that one alone.
    """
    healthy = [gpu for gpu in snapshot.gpus if gpu.problem is None]
    if request.uuids:
        return [gpu for gpu in healthy if gpu.uuid in request.uuids]
    if request.profile is not None:
        return [gpu for gpu in healthy if gpu.mig_profile == request.profile]
    return [gpu for gpu in healthy if gpu.mig_profile is None] or healthy
