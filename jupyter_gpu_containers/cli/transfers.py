"""``pull`` and ``push``: jobs that a terminal follows."""

from __future__ import annotations

import sys
from typing import Any

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.ending import format_bytes
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import job_model

from .outcome import INTERRUPTED, Outcome
from .progress import Progress, follow

DONE = {JobKind.PULL: "Pulled", JobKind.PUSH: "Pushed"}


async def pull(services: Services, arguments: Any) -> Outcome:
    """``pull``: schema ``Job`` of the contract."""
    return await _transfer(services, JobKind.PULL, arguments)


async def push(services: Services, arguments: Any) -> Outcome:
    """``push``: schema ``Job`` of the contract."""
    return await _transfer(services, JobKind.PUSH, arguments)


async def _transfer(services: Services, kind: JobKind, arguments: Any) -> Outcome:
    begun = services.jobs.submit(kind, arguments.reference)
    progress = Progress(sys.stderr, quiet=arguments.json)
    try:
        job = await follow(services.jobs, begun, progress)
    finally:
        await services.jobs.close()
    if job.state is JobState.CANCELLED:
        return Outcome(job_model(job), lambda style: "Cancelled.", INTERRUPTED)
    if job.error is not None:
        error = job.error
        raise GpuContainersError(error.message, error.hint, code=error.code)
    return Outcome(job_model(job), lambda style: _done(job))


def _done(job: Job) -> str:
    how_much = f", {format_bytes(job.current)}" if job.current else ""
    which = f" ({job.image_id.removeprefix('sha256:')[:12]})" if job.image_id else ""
    return f"{DONE[job.kind]} {job.reference}{which}{how_much}."
