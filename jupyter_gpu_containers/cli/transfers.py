"""``pull``, ``push`` and ``build``: jobs that a terminal follows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.image.build import BuildRequest
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import job_model

from . import ending
from .outcome import INTERRUPTED, Outcome
from .progress import Progress, follow

DONE = {
    JobKind.PULL: "Pulled",
    JobKind.PUSH: "Pushed",
    JobKind.BUILD: "Built",
    JobKind.COMMIT: "Made",
}


async def pull(services: Services, arguments: Any) -> Outcome:
    """``pull``: schema ``Job`` of the contract."""
    return await _transfer(services, JobKind.PULL, arguments)


async def push(services: Services, arguments: Any) -> Outcome:
    """``push``: schema ``Job`` of the contract."""
    return await _transfer(services, JobKind.PUSH, arguments)


async def build(services: Services, arguments: Any) -> Outcome:
    """``build``: schema ``Job`` of the contract."""
    with ending.asking():  # it may come from a pipe
        request = _request(arguments)
    return await to_the_end(services, services.builds.submit(request), arguments)


def _request(arguments: Any) -> BuildRequest:
    """Read the files that the command line names; `-` is standard input."""
    tag, base = arguments.tag, arguments.base
    secrets = dict(_secret(text) for text in arguments.secret)
    if arguments.requirements:
        text = _read(arguments.requirements)
        return BuildRequest(tag, requirements=text, base=base, secrets=secrets)
    if arguments.environment:
        text = _read(arguments.environment)
        return BuildRequest(tag, environment=text, base=base, secrets=secrets)
    if arguments.folder == "-":
        return BuildRequest(tag, dockerfile=_read("-"), base=base, secrets=secrets)
    folder = arguments.folder or "."
    return BuildRequest(tag, folder=folder, file=arguments.file, base=base, secrets=secrets)


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise _unreadable(name, exc) from exc


def _secret(text: str) -> tuple[str, bytes]:
    """Read ``id=NAME,src=FILE``, as the docker CLI has it."""
    parts = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    source = parts.get("src") or parts.get("source")
    if not parts.get("id") or not source:
        raise InvalidRequestError(f"--secret {text!r} is not id=NAME,src=FILE.")
    try:
        return parts["id"], Path(source).read_bytes()
    except OSError as exc:
        raise _unreadable(source, exc) from exc


def _unreadable(name: str, exc: Exception) -> InvalidRequestError:
    why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
    return InvalidRequestError(f"{name} cannot be read: {why}.")


async def _transfer(services: Services, kind: JobKind, arguments: Any) -> Outcome:
    return await to_the_end(services, services.jobs.submit(kind, arguments.reference), arguments)


async def to_the_end(services: Services, begun: Job, arguments: Any) -> Outcome:
    """Show a job until it has ended, and how it did."""
    progress = Progress(sys.stderr, quiet=arguments.json)
    try:
        job = await follow(services.jobs, begun, progress)
    finally:
        await services.jobs.close()
    if job.state is JobState.CANCELLED:
        return Outcome(job_model(job), lambda style: "Cancelled.", ending.status() or INTERRUPTED)
    if job.error is not None:
        error = job.error
        raise GpuContainersError(error.message, error.hint, code=error.code)
    return Outcome(job_model(job), lambda style: _done(job))


def _done(job: Job) -> str:
    how_much = f", {format_bytes(job.current)}" if job.current else ""
    which = f" ({job.image_id.removeprefix('sha256:')[:12]})" if job.image_id else ""
    return f"{DONE[job.kind]} {job.reference}{which}{how_much}."
