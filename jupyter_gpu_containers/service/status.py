"""What stands behind: which engine, and whether it answers."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_gpu_containers.errors import UnavailableError
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.ports import ContainerBackend
from jupyter_gpu_containers.service.image.images import as_problem


@dataclass(frozen=True)
class Status:
    """The engine's answer, or why there is none."""

    demo: bool
    engine: EngineInfo | None = None
    problem: Problem | None = None


async def status(backend: ContainerBackend) -> Status:
    """Ask the engine. Never raises: no answer is an answer here."""
    try:
        return Status(backend.demo, engine=await backend.info())
    except UnavailableError as exc:
        return Status(backend.demo, problem=as_problem(exc))
