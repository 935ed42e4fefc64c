"""Why a kernel ended, in words: pure functions from facts about a container's end to an error.

The facts are the engine's record of the container, the counters of its control group, what NVML
reported of its GPUs, and disks as they were found. A log's last lines only support them. What is
not known is not said: SIGKILL without the record of a kill for memory is "killed", no more.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from jupyter_gpu_containers.errors import (
    GpuContainersError,
    KernelExitedError,
    OutOfMemoryError,
    SharedMemoryFullError,
)
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.gpu.health import GpuFailure
from jupyter_gpu_containers.model.size import format_bytes, format_memory

from .container import ContainerExit
from .usage import ContainerUsage, UsageSource

SIGKILL_EXIT = 128 + signal.SIGKILL
SIGBUS_EXIT = 128 + signal.SIGBUS  # Linux's answer to a write where /dev/shm has no room
LOG_LIMIT = 3000  # characters of a log that are told with an error
SHORT = 0.9  # of the limit: below that peak it was not the limit for which a kernel was killed
RESTART = "Restart the kernel; its variables are lost."
_BUS_ERROR = re.compile(r"\bbus error\b|\bSIGBUS\b", re.I)
_SHARED_MEMORY = re.compile(r"\bshared memory\b|/dev/shm\b", re.I)
_DISK_FULL = re.compile(r"No space left on device|\bENOSPC\b|Disk quota exceeded|\bEDQUOT\b")


@dataclass(frozen=True)
class FullDisk:
    """A place that the kernel writes to and that had no room when it was looked at."""

    path: str  # on the host
    free: int  # bytes


@dataclass(frozen=True)
class Circumstances:
    """What is known about a kernel's end beside the engine's own record."""

    memory: int | None = None  # bytes, the limit
    shm_size: int | None = None  # bytes of its /dev/shm
    pids_limit: int | None = None
    usage: ContainerUsage | None = None  # the last sample, where the end itself was not seen
    log_tail: str = ""  # the last lines that it wrote
    answered: bool = True  # whether the kernel had answered before
    gpu_failures: tuple[GpuFailure, ...] = ()  # of its own GPUs, during its run
    full_disks: tuple[FullDisk, ...] = ()
    reason: Problem | None = None  # noted by who ended it on purpose


def explain_exit(ending: ContainerExit, known: Circumstances) -> GpuContainersError:
    """Return why the container ended, as an error that a user can read.

    Parameters
    ----------
    ending : ContainerExit
    known : Circumstances

    Returns
    -------
    GpuContainersError
        With the last lines of the log, unless it was ended on purpose.
    """
    if known.reason is not None:
        reason = known.reason
        return KernelExitedError(reason.message, reason.hint, code=reason.code)
    error = _cause(ending, known)
    error.log = last_words(known.log_tail)
    return error


def last_words(log_tail: str) -> str:
    """Return the end of a log, in whole lines, as much as an error carries.

    >>> last_words("a\\n" + "b" * 4000 + "\\nc\\n")
    'c\\n'
    """
    if len(log_tail) <= LOG_LIMIT:
        return log_tail
    end = log_tail[-LOG_LIMIT:]
    return end.partition("\n")[2] or end  # of one long line its end


def _cause(ending: ContainerExit, known: Circumstances) -> GpuContainersError:
    if ending.evicted:
        return KernelExitedError(
            f"The kernel was evicted: {ending.evicted}", RESTART, code="evicted"
        )
    if ending.lost:
        return KernelExitedError(
            "The kernel's container was removed by somebody else.",
            RESTART,
            code="container_removed",
        )
    counted = ending.usage or known.usage
    if ending.exit_code == SIGKILL_EXIT and _killed_for_memory(ending):
        return _out_of_memory(ending, known, counted)
    if ending.engine_restarted:
        return KernelExitedError(
            f"The container engine was stopped or restarted, and ended the kernel "
            f"({_code_words(ending.exit_code)}).",
            f"{RESTART} With “live-restore” in the engine's configuration kernels outlive it.",
            code="engine_restarted",
        )
    if known.gpu_failures:
        return _gpu_lost(ending, known)
    if known.full_disks and tells_of_full_disk(known.log_tail):
        return _disk_full(ending, known)
    if known.shm_size and _shared_memory_full(ending, known, counted):
        return _out_of_shared_memory(ending, known.shm_size)
    if ending.exit_code and ending.usage is not None and ending.usage.forks_refused:
        return _pids_limit(ending, ending.usage, known)
    return _plain(ending, known, counted)


def tells_of_full_disk(log_tail: str) -> bool:
    """Tell whether a log speaks of a disk without room; that a disk is full must be seen, too."""
    return _DISK_FULL.search(log_tail) is not None


def stopped_by(user: str) -> Problem:
    """Return the reason of a kernel that a person shut down."""
    return Problem("stopped_by", f"The kernel was shut down by {user or 'somebody'}.", "")


def culled(why: str, by: str = "Jupyter Server") -> Problem:
    """Return the reason of a kernel that was shut down because nobody used it.

    Parameters
    ----------
    why : str
        A clause with the numbers: "nobody used it for 3600 seconds".
    by : str
        Who decided so.
    """
    return Problem(
        "culled", f"The kernel was shut down by {by}: {why}.", "Start it again when you need it."
    )


def child_killed(usage: ContainerUsage | None, memory: int | None) -> Problem:
    """Return the warning for a kernel that runs on while a process of it was killed for memory."""
    return Problem(
        "child_out_of_memory",
        f"A process in the kernel's container was killed: out of memory"
        f"{_memory_words(usage, memory)}. The kernel itself runs on.",
        "What that process did is lost: a data loader's worker, a program that a cell started. Use "
        "less memory, or an environment with a higher limit (--memory).",
    )


def _killed_for_memory(ending: ContainerExit) -> bool:
    """Tell whether one of its processes was, by the engine's flag or by Linux's counter."""
    return ending.oom_killed or bool(ending.usage and ending.usage.oom_kills)


def _out_of_memory(
    ending: ContainerExit, known: Circumstances, counted: ContainerUsage | None
) -> GpuContainersError:
    words = _memory_words(counted, known.memory)
    final = ending.usage
    if (
        final is not None
        and final.memory_peak is not None
        and known.memory
        and final.memory_peak < SHORT * known.memory
    ):
        # Linux counts these kills, too, and engines set the same flag for them
        return OutOfMemoryError(
            f"The kernel was killed: this machine ran out of memory (for the kernel{words}).",
            "End other programs on this machine, or use less memory.",
        )
    return OutOfMemoryError(
        f"The kernel was killed: out of memory{words}.",
        "Use less memory, or add an environment with a higher limit (--memory).",
    )


def _memory_words(usage: ContainerUsage | None, memory: int | None) -> str:
    """Say limit and peak, and where the peak is not that of the end, how it was found."""
    limit = memory or (usage.memory_limit if usage else None)
    words = f", limit {format_memory(limit)}" if limit else ""
    peak = usage.memory_peak if usage else None
    if usage is None or peak is None:
        return words
    if usage.source is UsageSource.CGROUP:
        when = "" if usage.final else " (read before the end)"
    else:
        when = " (the engine's last sample before)"
    return f"{words}, peak {format_memory(peak)}{when}"


def _gpu_lost(ending: ContainerExit, known: Circumstances) -> GpuContainersError:
    failed = "; ".join(failure.words for failure in known.gpu_failures)
    return KernelExitedError(
        f"{failed} while the kernel used it, and work on it is lost; the kernel "
        f"{_ending_words(ending)}.",
        "Start the kernel again: it gets another GPU, where one is free.",
        code="gpu_lost",
    )


def _disk_full(ending: ContainerExit, known: Circumstances) -> GpuContainersError:
    places = ", ".join(f"{d.path} has {format_bytes(d.free)} free" for d in known.full_disks)
    return KernelExitedError(
        f"The disk is full: {places}; the kernel {_ending_words(ending)}.",
        "Delete what you no longer need: `docker system df`, `docker image prune`.",
        code="disk_full",
    )


def _shared_memory_full(
    ending: ContainerExit, known: Circumstances, counted: ContainerUsage | None
) -> bool:
    """Tell whether a kernel ended for want of room in /dev/shm.

    Linux tells a process so by SIGBUS, for which there are other causes. What is in /dev/shm counts
    as the container's memory: where the peak of that was lower, it cannot have been full.
    """
    assert known.shm_size
    by_signal = ending.exit_code == SIGBUS_EXIT
    if not ending.exit_code or not (by_signal or _BUS_ERROR.search(known.log_tail)):
        return False
    peak = counted.memory_peak if counted else None
    if counted is not None and counted.final and peak is not None:
        return peak >= SHORT * known.shm_size
    return _SHARED_MEMORY.search(known.log_tail) is not None


def _out_of_shared_memory(ending: ContainerExit, size: int) -> GpuContainersError:
    after = "" if ending.exit_code == SIGBUS_EXIT else " after a bus error"
    return SharedMemoryFullError(
        f"The kernel {_ending_words(ending)}{after}, which Linux gives where shared memory is "
        f"full: its /dev/shm has {format_memory(size)}.",
        "Start it with more shared memory (--shm-size), or use less: fewer or smaller batches in "
        "data loaders (num_workers).",
    )


def _pids_limit(
    ending: ContainerExit, usage: ContainerUsage, known: Circumstances
) -> GpuContainersError:
    limit = usage.pids_limit or known.pids_limit
    of = f" of {limit}" if limit else ""
    refused = usage.forks_refused or 0
    times = "once" if refused == 1 else f"{refused} times"
    return KernelExitedError(
        f"The kernel {_ending_words(ending)}, after its container had reached the limit{of} "
        f"processes and threads: Linux refused it a further one {times}.",
        "Start fewer workers (OMP_NUM_THREADS, num_workers), or raise c.GpuContainers.pids_limit.",
        code="pids_limit",
    )


def _plain(
    ending: ContainerExit, known: Circumstances, counted: ContainerUsage | None
) -> GpuContainersError:
    what = _ending_words(ending)
    if _killed_for_memory(ending):
        words = _memory_words(counted, known.memory)
        what += f", after a process in its container had been killed for memory{words}"
    if not known.answered:
        return KernelExitedError(
            f"The container {what} before its kernel answered.",
            "Check that the image's kernel starts: its command may be missing or broken.",
            code="kernel_signalled" if _signal_of(ending.exit_code) else None,
        )
    if ending.exit_code == SIGKILL_EXIT:
        return KernelExitedError(
            "The kernel was killed by signal 9 (SIGKILL), and not for reaching its memory limit."
            if ending.usage is not None and ending.usage.oom_kills == 0
            else "The kernel was killed by signal 9 (SIGKILL).",
            RESTART,
            code="kernel_signalled",
        )
    return KernelExitedError(
        f"The kernel {what}.",
        RESTART,
        code="kernel_signalled" if _signal_of(ending.exit_code) else None,
    )


def _signal_of(exit_code: int) -> signal.Signals | None:
    """Return the signal that an exit code stands for, as a shell and docker-init say it."""
    try:
        return signal.Signals(exit_code - 128) if exit_code > 128 else None
    except ValueError:
        return None


def _code_words(exit_code: int) -> str:
    name = _signal_of(exit_code)
    return f"signal {int(name)}, {name.name}" if name else f"exit code {exit_code}"


def _ending_words(ending: ContainerExit) -> str:
    name = _signal_of(ending.exit_code)
    if name is not None:
        return f"was ended by signal {int(name)} ({name.name})"
    detail = f" ({ending.error})" if ending.error else ""
    return f"ended by itself with exit code {ending.exit_code}{detail}"
