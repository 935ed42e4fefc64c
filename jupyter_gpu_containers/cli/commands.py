"""``ps``, ``queue`` and ``stop``: containers of ours, and who waits for GPUs."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.service.services import Services

from .kernels import KernelRow, kernel_rows, select
from .outcome import Outcome
from .servers import shut_down
from .tables import Style, moment, table
from .waiting import TITLES as WAITING_TITLES
from .waiting import split_targets, waiting_rows

KERNEL_TITLES = (
    *("CONTAINER", "KERNEL", "ENVIRONMENT", "STATUS"),
    *("GPUS", "SINCE", "USER", "NOTEBOOK"),
)


async def ps(services: Services, arguments: Any) -> Outcome:
    """``ps``: containers of ours, whoever drives them, and who waits for GPUs."""
    rows = await kernel_rows(services, services.claims.sight)
    if arguments.gpus:
        rows = [row for row in rows if row.gpus]
    waiting = await asyncio.to_thread(waiting_rows)

    def text(style: Style) -> str:
        shown = [_kernel_cells(row) for row in rows]
        parts = [table(KERNEL_TITLES, shown, style)] if rows else []
        if waiting:
            parts.append(table(WAITING_TITLES, [row.cells() for row in waiting], style))
        nobody = "No kernel holds a GPU." if arguments.gpus else "No kernel runs in a container."
        return "\n\n".join(parts) or nobody

    return Outcome(
        {
            "kernels": [row.as_dict() for row in rows],
            "waiting": [row.as_dict() for row in waiting],
        },
        text,
    )


def _kernel_cells(row: KernelRow) -> tuple[str, ...]:
    return (
        row.container_id[:12],
        row.kernel_id[:8],
        row.display_name or row.purpose,
        row.status + (", left behind" if row.left_behind else ", foreign" if row.foreign else ""),
        row.gpu_names,
        moment(row.created),
        row.user or "another user",
        row.notebook,
    )


async def queue(services: Services, arguments: Any) -> Outcome:
    """``queue``: who waits for GPUs in the servers of this user, in order."""
    waiting = await asyncio.to_thread(waiting_rows)

    def text(style: Style) -> str:
        if not waiting:
            return "Nobody waits for a GPU."
        return table(WAITING_TITLES, [row.cells() for row in waiting], style)

    return Outcome({"waiting": [row.as_dict() for row in waiting]}, text)


async def stop(services: Services, arguments: Any) -> Outcome:
    """``stop``: by the server that drives the kernel, where there is one; frees the GPUs.

    What waits for GPUs leaves the queue; those first, so that none of them gets what becomes free.
    """
    rows = await kernel_rows(services)
    caller = services.kernels.seats.caller
    waiting = await asyncio.to_thread(waiting_rows)
    leaving, targets = split_targets(waiting, arguments.targets)
    if arguments.all:
        leaving = waiting
    chosen = select(rows, targets, everything=arguments.all, caller=caller)
    dead = {row.container_id for row in chosen if row.left_behind}
    there = await services.backend.containers(labels.VERSION) if dead else []
    for waits in leaving:
        await asyncio.to_thread(waits.leave)
    for row in chosen:
        if row.purpose == "kernel" and not row.left_behind:
            await asyncio.to_thread(shut_down, row.kernel_id, row.driver)
        await services.claims.release(row.container_id)
    for container in (one for one in there if one.id in dead):
        is_spare = services.claims.reconciler.is_spare(container)
        services.operations.accounting.left_behind(container, waiting=is_spare)
    left = await services.backend.containers(labels.VERSION)
    await services.reattach.sweep_folders(left)  # of servers that are gone

    def text(style: Style) -> str:
        if not chosen and not leaving:
            return "No kernel of yours runs in a container."
        left = [f"{row.called} waits no longer." for row in leaving]
        return "\n".join(left + [f"Stopped {row.called}." for row in chosen])

    return Outcome(
        {
            "stopped": [row.as_dict() for row in chosen],
            "left": [row.as_dict() for row in leaving],
        },
        text,
    )
