"""When a kernel is idle, and what follows: a warning, and a stop no sooner than it was seen.

Pure functions. A kernel is idle while no cell runs, nothing arrived from it or for it, and none of
its GPUs works. What is not known is never idle.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot

UNSEEN = 90.0  # seconds without a look after which nobody knows what was shown, or used


@dataclass(frozen=True)
class IdlePolicy:
    """What holds for one kernel."""

    timeout: float = 0.0  # seconds that it may be idle; 0 = for ever
    warning: float = 600.0  # seconds from the warning to the stop
    gpu_utilization: int = 5  # percent; a GPU above it works
    who: str = ""  # says so, as a clause begins: "its environment allows"
    setting: str = ""  # by which


@dataclass(frozen=True)
class IdleLimit:
    """What a configuration says of all kernels with GPUs, whatever others say."""

    timeout: float  # seconds at most
    warning: float = 600.0  # seconds at most
    gpu_utilization: int = 5  # percent at least


@dataclass(frozen=True)
class IdleRules:
    """What this server says of all kernels."""

    timeout: float = 0.0  # seconds, of kernels with GPUs; 0 = for ever
    limits: tuple[tuple[IdleLimit, str], ...] = ()  # and who says so
    warning: float = 600.0  # seconds
    gpu_utilization: int = 5  # percent

    def of(self, own: float | None, *, has_gpus: bool) -> IdlePolicy:
        """Return what holds for a kernel; nothing loosens a limit.

        Parameters
        ----------
        own : float or None
            Seconds, of its environment, with GPUs or without; 0 = for ever, None = the default.
        has_gpus : bool
        """
        allowed = []
        if own is not None:
            allowed.append((own, "its environment allows", "--idle-timeout"))
        elif has_gpus:
            setting = "c.GpuContainers.idle_timeout"
            allowed.append((self.timeout, "this server's configuration allows", setting))
        limits = self.limits if has_gpus else ()
        setting = "c.GpuContainers.max_idle_time"
        allowed += [(limit.timeout, f"{source} allows", setting) for limit, source in limits]
        warning = min([self.warning, *(limit.warning for limit, _ in limits)])
        most = max([self.gpu_utilization, *(limit.gpu_utilization for limit, _ in limits)])
        finite = [rule for rule in allowed if rule[0] > 0]
        if not finite:
            return IdlePolicy(0.0, warning, most)
        timeout, who, setting = min(finite, key=lambda rule: rule[0])
        return IdlePolicy(timeout, warning, most, who, setting)


@dataclass(frozen=True)
class GpuLoad:
    """What is known of the work of one of its GPUs; a GPU that is shared counts as a whole."""

    utilization: int | None = None  # percent; None = not known, or there is no such figure (MIG)
    computes: bool = True  # a process computes on it, or nobody can say whether one does

    def works(self, most: int) -> bool:
        """Tell whether it is in use, with a utilisation of ``most`` percent still being none."""
        return self.computes if self.utilization is None else self.utilization > most


@dataclass(frozen=True)
class Evidence:
    """What one look at a kernel has found."""

    now: float  # seconds, on a clock that nobody sets
    busy: bool  # a cell runs or waits for input, or nobody can say
    last: float  # on the same clock: when something last arrived from the kernel or for it
    gpus: tuple[GpuLoad, ...] = ()
    unseen: float = 0.0  # seconds since the look before; with those in which the machine slept


class Decision(str, Enum):
    """What is to be done after a look."""

    NOTHING = "nothing"
    WARN = "warn"  # also once more: the time begins anew
    WITHDRAW = "withdraw"  # the warning
    STOP = "stop"


@dataclass(frozen=True)
class IdleState:
    """What is remembered of a kernel from look to look."""

    since: float  # when it was last in use, or when it began to be watched
    warned_at: float | None = None


@dataclass(frozen=True)
class Idleness:
    """An idle kernel as everybody sees it, from the warning on."""

    since: float  # seconds since the epoch; nothing has run since then
    stop_at: float  # seconds since the epoch


def step(state: IdleState, evidence: Evidence, policy: IdlePolicy) -> tuple[IdleState, Decision]:
    """Return what is remembered after a look, and what follows from it.

    A kernel is stopped only where it was idle at every look of at least ``policy.timeout``, the
    warning stood for at least ``policy.warning`` before, and no two looks meanwhile were more than
    `UNSEEN` apart.

    Parameters
    ----------
    state : IdleState
    evidence : Evidence
        Not from before the last look.
    policy : IdlePolicy
    """
    if policy.timeout <= 0 or _in_use(evidence, policy):
        return used(evidence.now), _withdrawn(state)
    last = min(evidence.last, evidence.now)
    if last > state.since:
        return used(last), _withdrawn(state)
    if evidence.now - state.since < policy.timeout:
        return replace(state, warned_at=None), _withdrawn(state)
    if state.warned_at is None or evidence.unseen > UNSEEN:
        return replace(state, warned_at=evidence.now), Decision.WARN
    if evidence.now - state.warned_at >= policy.warning:
        return state, Decision.STOP
    return state, Decision.NOTHING


def used(now: float) -> IdleState:
    """Return what is remembered of a kernel that is used now."""
    return IdleState(since=now)


def due(state: IdleState, policy: IdlePolicy) -> float | None:
    """Return when the next warning or stop is due at the earliest; None = never."""
    if policy.timeout <= 0:
        return None
    if state.warned_at is None:
        return state.since + policy.timeout
    return state.warned_at + policy.warning


def loads(uuids: Collection[str], snapshot: GpuSnapshot | None) -> tuple[GpuLoad, ...]:
    """Return what is known of these GPUs; None: they could not be looked at."""
    fresh = snapshot is not None and not snapshot.stale
    found = {gpu.uuid: gpu for gpu in snapshot.gpus} if snapshot is not None and fresh else {}
    return tuple(_load(found[uuid]) if uuid in found else GpuLoad() for uuid in uuids)


def _in_use(evidence: Evidence, policy: IdlePolicy) -> bool:
    return evidence.busy or any(gpu.works(policy.gpu_utilization) for gpu in evidence.gpus)


def _withdrawn(state: IdleState) -> Decision:
    return Decision.NOTHING if state.warned_at is None else Decision.WITHDRAW


def _load(gpu: Gpu) -> GpuLoad:
    return GpuLoad(gpu.utilization, computes=bool(gpu.processes) or not gpu.processes_known)
