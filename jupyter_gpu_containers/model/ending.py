"""Why a kernel ended, in words: pure functions from a container's exit to an error."""

from __future__ import annotations

import signal

from jupyter_gpu_containers.errors import GpuContainersError, KernelExitedError, OutOfMemoryError

from .container import ContainerExit

SIGKILL_EXIT = 128 + signal.SIGKILL


def format_bytes(count: int) -> str:
    """Return a size with a binary unit and at most one decimal.

    >>> format_bytes(8 << 30), format_bytes(1536 << 20), format_bytes(512)
    ('8 GiB', '1.5 GiB', '512 B')
    """
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def explain_exit(
    ending: ContainerExit, *, memory: int | None, log_tail: str, answered: bool
) -> GpuContainersError:
    """Return why the container ended, as an error that a user can read.

    Parameters
    ----------
    ending : ContainerExit
    memory : int, optional
        The container's memory limit in bytes.
    log_tail : str
        The last lines that it wrote.
    answered : bool
        Whether the kernel had answered before.
    """
    if ending.lost:
        return KernelExitedError(
            "The kernel's container was removed by somebody else.",
            "Restart the kernel; its variables are lost.",
            code="container_removed",
        )
    # The flag alone is not enough: it is also set when only a child process was killed.
    if ending.oom_killed and ending.exit_code in (SIGKILL_EXIT, 1):
        limit = f", limit {format_bytes(memory)}" if memory else ""
        return OutOfMemoryError(
            f"The kernel was killed: out of memory{limit}.",
            "Use less memory, or add an environment with a higher limit (--memory).",
        )
    if ending.exit_code == SIGKILL_EXIT:
        return KernelExitedError(
            "The kernel was killed (signal 9, SIGKILL) from outside, or the engine was restarted.",
            "Restart the kernel; its variables are lost.",
            code="kernel_killed",
        )
    what = _ending_words(ending)
    tail = f" Last lines of its log:\n{log_tail}" if log_tail else ""
    if answered:
        return KernelExitedError(
            f"The kernel {what}.{tail}", "Restart the kernel; its variables are lost."
        )
    return KernelExitedError(
        f"The container {what} before its kernel answered.{tail}",
        "Check that the image's kernel starts: its command may be missing or broken.",
    )


def _ending_words(ending: ContainerExit) -> str:
    if ending.exit_code > 128:
        try:
            name = signal.Signals(ending.exit_code - 128).name
        except ValueError:
            name = "unknown"
        return f"was ended by signal {ending.exit_code - 128} ({name})"
    detail = f" ({ending.error})" if ending.error else ""
    return f"ended by itself with exit code {ending.exit_code}{detail}"
