"""``gpus``: the GPUs of this machine, who holds them, and how they reach each other."""

from __future__ import annotations

from typing import Any

from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from jupyter_gpu_containers.model.size import format_memory
from jupyter_gpu_containers.service.gpu.usage import GpuUse, Holder
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import gpus_model

from .outcome import Outcome
from .tables import Style, moment, table

SHARED = (
    "Kernels that share a GPU share its memory without limits: one that takes it all lets the "
    "others fail."
)


async def gpus(services: Services, arguments: Any) -> Outcome:
    """``gpus``: schema ``Gpus`` of the contract."""
    usage = await services.gpu_usage()

    def text(style: Style) -> str:
        parts = []
        shares = any(use.slots > 1 for use in usage.uses)
        if usage.uses:
            titles = ["GPU", "NAME", "MEMORY", "STATE", "SLOTS", "SINCE", "HOLDER"]
            if not shares:
                titles.remove("SLOTS")
            if not any(use.holders for use in usage.uses):
                titles.remove("SINCE")
            rows = [[_row(use)[title] for title in titles] for use in usage.uses]
            parts.append(table(titles, rows, style))
        # a GPU that somebody holds may have failed, too
        held = (use.problem for use in usage.uses if use.holders and use.problem is not None)
        parts += [f"{problem.message} {problem.hint}".strip() for problem in dict.fromkeys(held)]
        if shares:
            parts.append(SHARED)
        if usage.snapshot.links:
            parts.append(_links(usage.snapshot, style))
        if usage.snapshot.driver is not None:
            driver = usage.snapshot.driver
            cuda = f", CUDA up to {driver.cuda_version}" if driver.cuda_version else ""
            parts.append(f"Driver {driver.version}{cuda}")
        if usage.snapshot.problem is not None:
            problem = usage.snapshot.problem
            parts.append(f"{problem.message} {problem.hint}".strip())
        return "\n".join(parts)

    return Outcome(gpus_model(usage, services.gate.max_gpus), text)


def _row(use: GpuUse) -> dict[str, str]:
    gpu = use.gpu
    name = f"{gpu.name} MIG {gpu.mig_profile}" if gpu.mig_profile else gpu.name
    used = f"{format_memory(gpu.memory_used)} of {format_memory(gpu.memory_total)}"
    if use.holders:
        whose = ", ".join(map(_about, use.holders))
    else:
        whose = use.problem.message if use.problem else ""
    return {
        "GPU": str(gpu.index),
        "NAME": name,
        "MEMORY": used,
        "STATE": use.state.value.replace("_", " "),
        "SLOTS": f"{len(use.holders)} of {use.slots}",
        "SINCE": ", ".join(map(_since, use.holders)),
        "HOLDER": whose,
    }


def _about(holder: Holder) -> str:
    about = " · ".join(filter(None, (holder.display_name, holder.notebook)))
    return f"{about} ({holder.owner})" if holder.owner else about


def _since(holder: Holder) -> str:
    """When it claimed the GPU, in this machine's time zone."""
    if holder.since is None:
        return "?"
    return moment(holder.since)


def _links(snapshot: GpuSnapshot, style: Style) -> str:
    """How GPUs reach each other: in a word where all do alike, else as ``nvidia-smi topo -m``."""
    linked = [gpu for gpu in snapshot.gpus if any(gpu.uuid in pair for pair in snapshot.links)]
    names = {link.name for link in snapshot.links.values()}
    if len(names) == 1 and len(snapshot.links) == len(linked) * (len(linked) - 1) / 2:
        return f"Links: {names.pop()} between any two of GPU {', '.join(_index(g) for g in linked)}"
    rows = []
    for gpu in linked:
        cells = [_index(gpu)]
        for other in linked:
            link = snapshot.link(gpu.uuid, other.uuid)
            cells.append("X" if other is gpu else link.name if link else "?")
        rows.append(cells)
    return table(["LINKS", *map(_index, linked)], rows, style)


def _index(gpu: Gpu) -> str:
    return str(gpu.index)
