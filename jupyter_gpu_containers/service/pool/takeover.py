"""The start of a kernel in the container that waited for it, or the way back to a cold start."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jupyter_gpu_containers.errors import GpuContainersError, PolicyError, UnavailableError
from jupyter_gpu_containers.model.kernel.launch import Seat

from . import handover
from .spares import Spares

TIMEOUT = 10.0  # seconds for a container that waited to answer; then another is started

Begin = Callable[[], Awaitable[None]]
T = TypeVar("T")


async def take_over(
    spares: Spares,
    seat: Seat,
    run: Callable[[Begin], Awaitable[T]],
    log: logging.Logger,
) -> T | None:
    """Go on in a container that waited; None where it did not, and is gone.

    Parameters
    ----------
    spares : Spares
    seat : Seat
        The kernel's, which was the spare's.
    run : callable
        Runs the kernel, given what hands its place over; raises what went wrong, and then the
        container is gone.

    Raises
    ------
    PolicyError, UnavailableError
        A cold start would fail as well.
    """
    try:
        return await run(lambda: spares.hand_over(seat))
    except (PolicyError, UnavailableError):
        raise
    except GpuContainersError as exc:
        log.info("kernel %s starts without the container that waited: %s", seat.kernel_id, exc)
        handover.undo(seat)
        return None
