"""Why a kernel ended: for each cause all of code, sentence and hint."""

from __future__ import annotations

import dataclasses

import pytest

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind, GpuFailure
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.model.kernel.ending import (
    LOG_LIMIT,
    Circumstances,
    FullDisk,
    child_killed,
    culled,
    explain_exit,
    stopped_by,
)
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource

GIB = 1 << 30
RESTART = "Restart the kernel; its variables are lost."
MORE_MEMORY = "Use less memory, or add an environment with a higher limit (--memory)."
FALLEN = GpuFailure(3, GpuEvent(GpuEventKind.XID, "GPU-3", 5.0, 79))
FULL = (FullDisk("/srv/work", 0), FullDisk("/var/lib/docker", 4096))
MORE_SHARED_MEMORY = (
    "Start it with more shared memory (--shm-size), or use less: fewer or smaller batches in data "
    "loaders (num_workers)."
)
NO_SHARED_MEMORY = (
    "RuntimeError: DataLoader worker (pid 71) is killed by signal: Bus error. It is possible that "
    "dataloader's workers are out of shared memory.\n"
)
ENOSPC = "OSError: [Errno 28] No space left on device\n"


def counters(**known: object) -> ContainerUsage:
    """Counters of the control group at the end."""
    return ContainerUsage(UsageSource.CGROUP, final=True, **known)  # type: ignore[arg-type]


def explained(ending: ContainerExit, known: Circumstances | None = None) -> Problem:
    return Problem(**explain_exit(ending, known or Circumstances()).as_dict())


CAUSES = {
    "out of memory, counted at the end": (
        ContainerExit(137, oom_killed=True, usage=counters(memory_peak=8 * GIB - 4096)),
        Circumstances(memory=8 * GIB),
        Problem(
            "out_of_memory",
            "The kernel was killed: out of memory, limit 8 GB, peak 8 GB.",
            MORE_MEMORY,
        ),
    ),
    "out of memory, the engine did not note it, but Linux counted": (
        ContainerExit(137, usage=counters(memory_peak=2 * GIB, oom_kills=1)),
        Circumstances(memory=2 * GIB),
        Problem(
            "out_of_memory",
            "The kernel was killed: out of memory, limit 2 GB, peak 2 GB.",
            MORE_MEMORY,
        ),
    ),
    "out of memory, last sample of the engine": (
        ContainerExit(137, oom_killed=True),
        Circumstances(
            memory=8 * GIB, usage=ContainerUsage(UsageSource.ENGINE, memory_peak=7 * GIB)
        ),
        Problem(
            "out_of_memory",
            "The kernel was killed: out of memory, limit 8 GB, peak 7 GB (the engine's last "
            "sample before).",
            MORE_MEMORY,
        ),
    ),
    "out of memory, read before the end": (
        ContainerExit(137, oom_killed=True),
        Circumstances(
            memory=8 * GIB, usage=ContainerUsage(UsageSource.CGROUP, memory_peak=7 * GIB)
        ),
        Problem(
            "out_of_memory",
            "The kernel was killed: out of memory, limit 8 GB, peak 7 GB (read before the end).",
            MORE_MEMORY,
        ),
    ),
    "out of memory, nobody counted": (
        ContainerExit(137, oom_killed=True),
        Circumstances(),
        Problem("out_of_memory", "The kernel was killed: out of memory.", MORE_MEMORY),
    ),
    "the machine's memory, not the kernel's": (
        ContainerExit(137, oom_killed=True, usage=counters(memory_peak=GIB)),
        Circumstances(memory=8 * GIB),
        Problem(
            "out_of_memory",
            "The kernel was killed: this machine ran out of memory (for the kernel, limit 8 GB, "
            "peak 1 GB).",
            "End other programs on this machine, or use less memory.",
        ),
    ),
    "exit code": (
        ContainerExit(3),
        Circumstances(log_tail="no licence\n"),
        Problem(
            "kernel_exited",
            "The kernel ended by itself with exit code 3.",
            RESTART,
            "no licence\n",
        ),
    ),
    "exit code after a child was killed": (
        ContainerExit(1, oom_killed=True, usage=counters(memory_peak=GIB)),
        Circumstances(memory=GIB),
        Problem(
            "kernel_exited",
            "The kernel ended by itself with exit code 1, after a process in its container had "
            "been killed for memory, limit 1 GB, peak 1 GB.",
            RESTART,
        ),
    ),
    "signal": (
        ContainerExit(139),
        Circumstances(),
        Problem("kernel_signalled", "The kernel was ended by signal 11 (SIGSEGV).", RESTART),
    ),
    "killed, and nobody knows why": (
        ContainerExit(137),
        Circumstances(memory=8 * GIB),
        Problem("kernel_signalled", "The kernel was killed by signal 9 (SIGKILL).", RESTART),
    ),
    "killed, and not for memory": (
        ContainerExit(137, usage=counters(memory_peak=GIB, oom_kills=0)),
        Circumstances(memory=8 * GIB),
        Problem(
            "kernel_signalled",
            "The kernel was killed by signal 9 (SIGKILL), and not for reaching its memory limit.",
            RESTART,
        ),
    ),
    "no signal of this number": (
        ContainerExit(255),
        Circumstances(),
        Problem("kernel_exited", "The kernel ended by itself with exit code 255.", RESTART),
    ),
    "engine restarted": (
        ContainerExit(137, engine_restarted=True),
        Circumstances(),
        Problem(
            "engine_restarted",
            "The container engine was stopped or restarted, and ended the kernel (signal 9, "
            "SIGKILL).",
            f"{RESTART} With “live-restore” in the engine's configuration kernels outlive it.",
        ),
    ),
    "GPU lost": (
        ContainerExit(1),
        Circumstances(gpu_failures=(FALLEN,), log_tail="CUDA error\n"),
        Problem(
            "gpu_lost",
            "GPU 3 failed (Xid 79: the GPU has fallen off the bus) while the kernel used it, and "
            "work on it is lost; the kernel ended by itself with exit code 1.",
            "Start the kernel again: it gets another GPU, where one is free.",
            "CUDA error\n",
        ),
    ),
    "pid limit": (
        ContainerExit(134, usage=counters(pids_peak=4096, pids_limit=4096, forks_refused=7)),
        Circumstances(pids_limit=4096),
        Problem(
            "pids_limit",
            "The kernel was ended by signal 6 (SIGABRT), after its container had reached the limit "
            "of 4096 processes and threads: Linux refused it a further one 7 times.",
            "Start fewer workers (OMP_NUM_THREADS, num_workers), or raise "
            "c.GpuContainers.pids_limit.",
        ),
    ),
    "shared memory full": (
        ContainerExit(135, usage=counters(memory_peak=GIB)),
        Circumstances(memory=8 * GIB, shm_size=GIB),
        Problem(
            "shared_memory_full",
            "The kernel was ended by signal 7 (SIGBUS), which Linux gives where shared memory is "
            "full: its /dev/shm has 1 GB.",
            MORE_SHARED_MEMORY,
        ),
    ),
    "shared memory full, nobody counted, and its log tells": (
        ContainerExit(1),
        Circumstances(shm_size=64 << 20, log_tail=NO_SHARED_MEMORY),
        Problem(
            "shared_memory_full",
            "The kernel ended by itself with exit code 1 after a bus error, which Linux gives "
            "where shared memory is full: its /dev/shm has 64 MB.",
            MORE_SHARED_MEMORY,
            NO_SHARED_MEMORY,
        ),
    ),
    "disk full": (
        ContainerExit(1),
        Circumstances(full_disks=FULL, log_tail=ENOSPC),
        Problem(
            "disk_full",
            "The disk is full: /srv/work has 0 B free, /var/lib/docker has 4.1 kB free; the kernel "
            "ended by itself with exit code 1.",
            "Delete what you no longer need: `docker system df`, `docker image prune`.",
            ENOSPC,
        ),
    ),
    "evicted": (
        ContainerExit(137, evicted="the node was low on memory."),
        Circumstances(),
        Problem("evicted", "The kernel was evicted: the node was low on memory.", RESTART),
    ),
    "culled": (
        ContainerExit(137),
        Circumstances(reason=culled("nobody used it for 3600 seconds")),
        Problem(
            "culled",
            "The kernel was shut down by Jupyter Server: nobody used it for 3600 seconds.",
            "Start it again when you need it.",
        ),
    ),
    "stopped by a person": (
        ContainerExit(-1, lost=True),
        Circumstances(reason=stopped_by("alice")),
        Problem("stopped_by", "The kernel was shut down by alice.", ""),
    ),
    "removed": (
        ContainerExit(-1, lost=True),
        Circumstances(),
        Problem(
            "container_removed", "The kernel's container was removed by somebody else.", RESTART
        ),
    ),
    "before it answered": (
        ContainerExit(127, error="exec failed"),
        Circumstances(answered=False),
        Problem(
            "kernel_exited",
            "The container ended by itself with exit code 127 (exec failed) before its kernel "
            "answered.",
            "Check that the image's kernel starts: its command may be missing or broken.",
        ),
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_cause(cause: str) -> None:
    ending, known, said = CAUSES[cause]
    assert explained(ending, known) == said


def test_a_log_alone_is_no_proof() -> None:
    """It says that a disk is full, and none is: the log is shown, the cause is not guessed."""
    assert explained(ContainerExit(1), Circumstances(log_tail=ENOSPC)).code == "kernel_exited"


def test_a_full_disk_alone_is_no_proof() -> None:
    assert explained(ContainerExit(1), Circumstances(full_disks=FULL)).code == "kernel_exited"


@pytest.mark.parametrize(
    ("ending", "known"),
    [
        # what is in /dev/shm counts as memory, and there never was as much of it
        (ContainerExit(135, usage=counters(memory_peak=GIB)), Circumstances(shm_size=4 * GIB)),
        (
            ContainerExit(1, usage=counters(memory_peak=GIB)),
            Circumstances(shm_size=4 * GIB, log_tail=NO_SHARED_MEMORY),
        ),
        # SIGBUS has other causes, too
        (ContainerExit(135), Circumstances(shm_size=GIB)),
        (ContainerExit(135), Circumstances(shm_size=GIB, log_tail="Bus error\n")),
        (ContainerExit(135, usage=counters(memory_peak=GIB)), Circumstances()),
        (ContainerExit(1), Circumstances(shm_size=GIB, log_tail="out of shared memory\n")),
        (ContainerExit(0), Circumstances(shm_size=GIB, log_tail=NO_SHARED_MEMORY)),
        (
            dataclasses.replace(
                ContainerExit(135),
                usage=dataclasses.replace(counters(memory_peak=8 * GIB), final=False),
            ),
            Circumstances(shm_size=GIB),
        ),
    ],
)
def test_shared_memory_that_is_not_known_to_be_full(
    ending: ContainerExit, known: Circumstances
) -> None:
    assert explained(ending, known).code in ("kernel_exited", "kernel_signalled")


def test_the_end_of_a_long_log() -> None:
    long = "x" * 80 + "\n"
    log = explained(ContainerExit(1), Circumstances(log_tail=long * 100 + "the end\n")).log
    assert len(log) <= LOG_LIMIT
    assert log == long * (len(log) // 81) + "the end\n"
    one_line = explained(ContainerExit(1), Circumstances(log_tail="y" * 9999)).log
    assert one_line == "y" * LOG_LIMIT


def test_who_was_ended_on_purpose_needs_no_log() -> None:
    known = Circumstances(reason=stopped_by("alice"), log_tail="bye\n")
    assert explained(ContainerExit(0), known).log == ""


@pytest.mark.parametrize("refused", [None, 0])
def test_processes_that_were_not_refused(refused: int | None) -> None:
    ending = ContainerExit(1, usage=counters(pids_peak=4096, forks_refused=refused))
    assert explained(ending).code == "kernel_exited"


def test_an_end_in_good_order_is_not_the_limits() -> None:
    assert explained(ContainerExit(0, usage=counters(forks_refused=9))).code == "kernel_exited"


def test_a_sample_from_before_says_nothing_of_refused_processes() -> None:
    sample = dataclasses.replace(counters(forks_refused=9), final=False)
    assert explained(ContainerExit(1), Circumstances(usage=sample)).code == "kernel_exited"


@pytest.mark.parametrize(
    ("ending", "known", "code"),
    [
        # memory is proven by Linux's own counter; all else would be coincidence
        (
            ContainerExit(137, oom_killed=True, engine_restarted=True),
            Circumstances(gpu_failures=(FALLEN,)),
            "out_of_memory",
        ),
        (
            ContainerExit(137, engine_restarted=True),
            Circumstances(gpu_failures=(FALLEN,)),
            "engine_restarted",
        ),
        (
            ContainerExit(1, usage=counters(forks_refused=1)),
            Circumstances(gpu_failures=(FALLEN,), full_disks=FULL, log_tail=ENOSPC),
            "gpu_lost",
        ),
        (
            ContainerExit(137, oom_killed=True),
            Circumstances(reason=stopped_by("alice")),
            "stopped_by",
        ),
        (ContainerExit(137, evicted="drained", oom_killed=True), Circumstances(), "evicted"),
    ],
)
def test_of_several_the_best_proven(ending: ContainerExit, known: Circumstances, code: str) -> None:
    assert explained(ending, known).code == code


def test_child_that_was_killed() -> None:
    assert child_killed(counters(memory_peak=GIB), GIB) == Problem(
        "child_out_of_memory",
        "A process in the kernel's container was killed: out of memory, limit 1 GB, peak 1 GB. "
        "The kernel itself runs on.",
        "What that process did is lost: a data loader's worker, a program that a cell started. Use "
        "less memory, or an environment with a higher limit (--memory).",
    )


def test_somebody_without_a_name() -> None:
    assert stopped_by("").message == "The kernel was shut down by somebody."
