"""Whether a kernel that died is started again without being asked: a pure policy.

jupyter_client counts restarts, too, but forgets them once a kernel has lived for ten seconds: one
that runs out of memory after a minute would be restarted for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jupyter_gpu_containers.model.gpu.device import Problem

from .ending import RESTART

MOST, WITHIN = 3, 600.0  # restarts, seconds
# It would end in the same way, or somebody wants it to be over. One that ran out of memory is not
# among them: a restart runs no cell again.
NEVER = {
    "gpu_lost": "its GPU has failed",
    "environment_image_missing": "its image is not on this machine",
    "image_not_found": "its image is not on this machine",
    "disk_full": "the disk is full",
    "container_removed": "somebody removed its container",
    "evicted": "it was evicted",
    "culled": "it was shut down on purpose",
    "stopped_by": "it was shut down on purpose",
}


def why_not(death: Problem | None, restarts: Sequence[float], now: float) -> str | None:
    """Return why a kernel is not restarted, as a clause; None where it is to be.

    Parameters
    ----------
    death : Problem, optional
        Why it ended, where known.
    restarts : sequence of float
        When it was restarted without being asked, in seconds on a clock that only moves forward.
    now : float
        On the same clock.
    """
    if death is not None and death.code in NEVER:
        return NEVER[death.code]
    lately = sum(now - moment < WITHIN for moment in restarts)
    if lately >= MOST:
        return f"it was restarted {lately} times in the last {WITHIN / 60:.0f} minutes"
    return None


def was_restarted(death: Problem) -> Problem:
    """Return what a user is told of a kernel that runs again: why it had to be restarted."""
    return replace(
        death,
        message=f"{death.message} It was restarted automatically, and its variables are lost.",
        hint=death.hint.removeprefix(RESTART).strip(),
    )


def not_restarted(death: Problem | None, why: str) -> Problem:
    """Return what a user is told: why the kernel ended, and why it stays so."""
    death = death or Problem("kernel_exited", "The kernel ended.")
    return replace(death, message=f"{death.message} It was not restarted automatically: {why}.")
