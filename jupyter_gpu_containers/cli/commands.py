"""What each command does: asks the services, and returns data and the text for people."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_gpu_containers.model.duration import parse_duration
from jupyter_gpu_containers.model.gpu.names import gpu_named
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.size import format_memory, parse_size
from jupyter_gpu_containers.service.kernel.environments import environment_problems
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import environment_model

from .kernels import KernelRow, kernel_rows, select
from .outcome import Outcome
from .servers import shut_down
from .tables import Style, table
from .waiting import TITLES as WAITING_TITLES
from .waiting import split_targets, waiting_rows

KERNEL_TITLES = (
    *("CONTAINER", "KERNEL", "ENVIRONMENT", "STATUS"),
    *("GPUS", "SINCE", "USER", "NOTEBOOK"),
)


async def environments_list(services: Services, arguments: Any) -> Outcome:
    """``environments list``: schema ``Environment`` of the contract."""
    found = services.environments.list()
    problems = await environment_problems(found, services.backend)
    models = [environment_model(e, problems.get(e.name)) for e in found]

    def text(style: Style) -> str:
        if not models:
            return "There is no environment. Make one: jupyter gpu-containers environments add REF"
        titles = ("NAME", "DISPLAY NAME", "IMAGE", "GPUS", "MEMORY", "PROBLEM")
        return table(titles, [_environment_row(model) for model in models], style)

    return Outcome({"environments": models}, text)


def _environment_row(model: dict[str, Any]) -> tuple[str, ...]:
    return (
        model["name"],
        model["display_name"],
        model["reference"],
        _gpus(model),
        format_memory(model["memory"]) if model["memory"] else "",
        model["problem"]["message"] if model["problem"] else "",
    )


def _gpus(model: dict[str, Any]) -> str:
    if model["gpu_profile"]:
        return f"{model['gpus']} × {model['gpu_profile']}"
    return ", ".join(model["gpu_uuids"]) or str(model["gpus"])


async def environments_add(services: Services, arguments: Any) -> Outcome:
    """``environments add``: the same rules as ``POST environments``."""
    from jupyter_gpu_containers.web.contract import (
        validate,  # a second of imports that no other command needs
    )

    gpus = arguments.gpus
    if gpus is None and arguments.gpu_profile:
        gpus = 1
    uuids = []
    if arguments.gpu:
        snapshot = await services.inventory.snapshot()
        uuids = list(dict.fromkeys(gpu_named(snapshot, name).uuid for name in arguments.gpu))
    wanted = {
        "name": arguments.name,
        "display_name": arguments.display_name,
        "kernel": arguments.kernel,
        "gpus": gpus,
        "gpu_profile": arguments.gpu_profile,
        "gpu_uuids": uuids or None,
        "memory": parse_size(arguments.memory) if arguments.memory else None,
        "network": arguments.network,
        "idle_timeout": parse_duration(arguments.idle_timeout) if arguments.idle_timeout else None,
        "shm_size": parse_size(arguments.shm_size) if arguments.shm_size else None,
    }
    wanted = {key: value for key, value in wanted.items() if value is not None}
    validate("NewEnvironment", {"image": arguments.image, **wanted})
    image = await services.images.get(arguments.image)
    added = services.environments.add(image, reference=arguments.image, **wanted)

    def text(style: Style) -> str:
        elsewhere = f"jupyter console --kernel {added.name}"
        return f"{added.display_name}\nIn JupyterLab it is among the kernels; or: {elsewhere}"

    return Outcome(environment_model(added, None), text)


async def environments_remove(services: Services, arguments: Any) -> Outcome:
    """``environments remove``: kernels that run in it go on."""
    services.environments.remove(arguments.name)
    return Outcome({"removed": arguments.name}, lambda style: f"Removed {arguments.name}.")


async def ps(services: Services, arguments: Any) -> Outcome:
    """``ps``: containers of ours, whoever drives them, and who waits for GPUs."""
    rows = await kernel_rows(services, services.claims.sight)
    if arguments.gpus:
        rows = [row for row in rows if row.gpus]
    waiting = await asyncio.to_thread(waiting_rows)

    def text(style: Style) -> str:
        titles = (
            "CONTAINER",
            "KERNEL",
            "ENVIRONMENT",
            "STATUS",
            "GPUS",
            "SINCE",
            "USER",
            "NOTEBOOK",
        )
        parts = [table(titles, [_kernel_cells(row) for row in rows], style)] if rows else []
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
        row.created,
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
    for waits in leaving:
        await asyncio.to_thread(waits.leave)
    for row in chosen:
        if row.purpose == "kernel" and not row.left_behind:
            await asyncio.to_thread(shut_down, row.kernel_id, row.driver)
        await services.claims.release(row.container_id)
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
