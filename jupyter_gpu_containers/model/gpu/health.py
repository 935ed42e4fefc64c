"""Which GPUs must not be given out, by what NVML reported: pure functions and values.

Xid numbers are those of NVIDIA's Xid catalogue (docs.nvidia.com, "Xid Errors"); recovery actions
those of NVML (``NVML_FI_DEV_GET_GPU_RECOVERY_ACTION``, drivers from R570 on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from .device import Gpu, GpuSnapshot, Problem

# Caused by a program, which ends; the GPU is as good as before.
APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 109})
# The GPU does not come back by itself: a reset or a reboot is needed, whatever NVML says at once.
FATAL_XIDS = frozenset({46, 48, 62, 64, 74, 79, 95, 110, 119, 120, 136, 140, 142, 143, 151})
_XID_WORDS: Mapping[int, str] = {
    13: "graphics engine exception",
    31: "GPU memory page fault",
    43: "GPU stopped processing",
    45: "work was stopped because its program ended",
    46: "GPU stopped processing",
    48: "double-bit ECC error",
    61: "internal microcontroller breakpoint",
    62: "internal microcontroller halt",
    63: "a memory row was remapped",
    64: "a memory row could not be remapped",
    68: "video processor exception",
    74: "NVLink error",
    79: "the GPU has fallen off the bus",
    92: "high rate of single-bit ECC errors",
    94: "contained ECC error",
    95: "uncontained ECC error",
    109: "context switch timeout",
    110: "security fault",
    119: "the GPU's system processor does not answer",
    120: "the GPU's system processor failed",
    136: "link training failed",
    140: "unrecovered ECC error",
    143: "GPU could not be initialised",
    154: "the recovery action has changed",
}
_ADMITTED = frozenset(
    {
        "gpu_lost",
        "gpu_reset_required",
        "gpu_reboot_required",
        "gpu_drain_required",
        "gpu_recovery_required",
    }
)
SETTLED = 5.0  # seconds after an event before NVML's word that nothing is to be done counts


class RecoveryAction(str, Enum):
    """What must be done to a GPU before it can be used again, as NVML says."""

    NONE = "none"
    RESET = "reset"
    REBOOT = "reboot"
    DRAIN = "drain"  # of peer-to-peer traffic
    DRAIN_AND_RESET = "drain_and_reset"
    OTHER = "other"  # of a later NVML


class GpuEventKind(str, Enum):
    """Kinds of NVML events that are about health."""

    XID = "xid"
    DOUBLE_BIT_ECC = "double_bit_ecc"
    UNAVAILABLE = "unavailable"  # NVML says that the GPU cannot be used, or cannot be watched


@dataclass(frozen=True)
class GpuEvent:
    """One report of NVML about a GPU."""

    kind: GpuEventKind
    uuid: str | None  # of the GPU, or of a MIG instance's parent; None: nobody can tell which
    at: float  # seconds on a clock that only moves forward
    xid: int | None = None

    @property
    def is_application(self) -> bool:
        """Whether a program caused it, and the GPU is as good as before."""
        return self.kind is GpuEventKind.XID and self.xid in APPLICATION_XIDS

    @property
    def words(self) -> str:
        """What happened, with the number."""
        if self.kind is GpuEventKind.DOUBLE_BIT_ECC:
            return "double-bit ECC error"
        if self.kind is GpuEventKind.UNAVAILABLE:
            return "it cannot be used any more"
        known = _XID_WORDS.get(self.xid or 0)
        return f"Xid {self.xid}: {known}" if known else f"Xid {self.xid}"


@dataclass(frozen=True)
class Fault:
    """Why a GPU is in quarantine."""

    event: GpuEvent
    admitted: bool = False  # NVML has said since that something must be done

    @property
    def is_fatal(self) -> bool:
        """Whether NVML must first have said that something is to be done, and then no more."""
        return self.event.kind is not GpuEventKind.XID or self.event.xid in FATAL_XIDS


@dataclass(frozen=True)
class Quarantine:
    """All GPUs that must not be given out, by UUID (a MIG instance's parent's). Immutable."""

    faults: Mapping[str, Fault] = field(default_factory=dict)

    def after(self, event: GpuEvent, known: frozenset[str]) -> Quarantine:
        """Take an event in.

        Parameters
        ----------
        event : GpuEvent
            One without a UUID, or with one that is not known, is about all that are known: better
            too few GPUs than a broken one.
        known : frozenset of str
            UUIDs of the GPUs that are watched.
        """
        if event.is_application:
            return self
        hit = {event.uuid} if event.uuid in known and event.uuid else known
        worse = {
            uuid: Fault(event, before.admitted if before else False)
            for uuid in hit
            for before in [self.faults.get(uuid)]
            # a later, harmless event does not make a fatal one forgotten
            if before is None or not before.is_fatal or Fault(event).is_fatal
        }
        return replace(self, faults={**self.faults, **worse})

    def reviewed(self, snapshot: GpuSnapshot, now: float) -> Quarantine:
        """Let those go of which NVML says that nothing is to be done.

        After a fatal event NVML must have said that something is to be done before: it does so
        once the driver has found out, and no longer once the GPU was reset. Of a driver that knows
        no recovery actions (before R570) its errors count: "lost", "reset required"; where it never
        said so, only the next boot lets the GPU go.

        Parameters
        ----------
        snapshot : GpuSnapshot
            Without what the quarantine itself adds.
        now : float
            On the clock of events.
        """
        kept: dict[str, Fault] = {}
        for uuid, fault in self.faults.items():
            devices = [gpu for gpu in snapshot.gpus if uuid in (gpu.uuid, gpu.parent_uuid)]
            problems = {gpu.problem.code for gpu in devices if gpu.problem is not None}
            if problems or not devices:  # not to be seen, as while the driver is reloaded: no word
                admitted = fault.admitted or not problems.isdisjoint(_ADMITTED)
                kept[uuid] = replace(fault, admitted=admitted)
                continue
            healthy = all(
                gpu.recovery_action == RecoveryAction.NONE.value
                # an older driver: it answered that the GPU is lost, and now answers for it again
                or (gpu.recovery_action is None and fault.admitted)
                for gpu in devices
            )
            settled = now - fault.event.at >= SETTLED
            if not healthy or not settled or (fault.is_fatal and not fault.admitted):
                kept[uuid] = fault
        return self if kept == self.faults else replace(self, faults=kept)

    def mark(self, snapshot: GpuSnapshot) -> GpuSnapshot:
        """Return a snapshot in which these GPUs have a problem."""
        if not self.faults:
            return snapshot
        return replace(snapshot, gpus=tuple(map(self._marked, snapshot.gpus)))

    def _marked(self, gpu: Gpu) -> Gpu:
        fault = self.faults.get(gpu.parent_uuid or gpu.uuid) or self.faults.get(gpu.uuid)
        if fault is None or gpu.problem is not None:
            return gpu
        return replace(gpu, problem=failed(gpu, fault.event))


def failed(gpu: Gpu, event: GpuEvent) -> Problem:
    """Return the problem of a GPU in quarantine."""
    return Problem(
        "gpu_failed",
        f"GPU {gpu.index} failed ({event.words}) and is not given out.",
        f"Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i {gpu.index}`, or reboot.",
    )


def recovery_problem(index: int, action: RecoveryAction) -> Problem | None:
    """Return why a GPU cannot be given out while NVML wants something done; None for nothing."""
    reset = f"Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i {index}`, or reboot."
    what = {
        RecoveryAction.NONE: None,
        RecoveryAction.RESET: ("gpu_reset_required", "must be reset", reset),
        RecoveryAction.DRAIN_AND_RESET: (
            "gpu_reset_required",
            "must be drained and reset",
            reset,
        ),
        RecoveryAction.DRAIN: (
            "gpu_drain_required",
            "must be drained of peer-to-peer traffic",
            "Stop all programs that use it together with other GPUs.",
        ),
        RecoveryAction.REBOOT: (
            "gpu_reboot_required",
            "needs a restart of this machine",
            "Reboot this machine.",
        ),
        RecoveryAction.OTHER: (
            "gpu_recovery_required",
            "needs a recovery action",
            f"See `nvidia-smi -q -i {index}`, under “GPU Recovery Action”.",
        ),
    }[action]
    if what is None:
        return None
    code, words, hint = what
    return Problem(code, f"GPU {index} {words} before it can be used again, says NVML.", hint)


@dataclass(frozen=True)
class GpuFailure:
    """A GPU that failed while a kernel held it."""

    index: int
    event: GpuEvent

    @property
    def words(self) -> str:
        """One clause for people."""
        return f"GPU {self.index} failed ({self.event.words})"


def lost_warning(failure: GpuFailure) -> Problem:
    """Return what a kernel is told that still runs on a GPU that failed."""
    return Problem(
        "gpu_lost",
        f"{failure.words}: work of this kernel on that GPU is lost.",
        "Save what is in the kernel's memory, then start the kernel on another GPU.",
    )


def access_warning(nodes: tuple[str, ...]) -> Problem:
    """Return what a kernel is told that may no longer open its GPUs' device nodes."""
    return Problem(
        "gpu_access_lost",
        f"This kernel may no longer open {', '.join(nodes)}: the engine's permission for the "
        "device is gone, as after `systemctl daemon-reload` on this machine.",
        "Restart the kernel; its variables are lost. `jupyter gpu-containers doctor` says how to "
        "prevent it.",
    )
