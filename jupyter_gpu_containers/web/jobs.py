"""``/gpu-containers/jobs``: pulls, pushes, builds and commits."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.build import BuildRequest
from jupyter_gpu_containers.model.job import Job, JobKind
from jupyter_gpu_containers.service.services import Services

from .base import BaseHandler
from .contract import HINT
from .serializers import job_model


def begin(services: Services, wanted: dict[str, Any]) -> Job:
    """Begin what schema ``NewJob`` says."""
    kind, reference = JobKind(wanted["kind"]), wanted["reference"]
    for field, owner in (("build", JobKind.BUILD), ("launch", JobKind.COMMIT)):
        if field in wanted and kind is not owner:
            raise InvalidRequestError(f"A {kind.value} has no “{field}”.", HINT)
    if kind is JobKind.BUILD:
        if "build" not in wanted:
            raise InvalidRequestError("A build says in “build” what is to be made.", HINT)
        return services.builds.submit(BuildRequest(reference, **wanted["build"]))
    if kind is JobKind.COMMIT:
        if "launch" not in wanted:
            raise InvalidRequestError("A commit says in “launch” whose container is kept.", HINT)
        kernel_id = services.launches.running(wanted["launch"])
        services.idle.used(kernel_id)  # who keeps what was installed needs the container meanwhile
        return services.commits.submit(kernel_id, reference)
    return services.jobs.submit(kind, reference)


class JobsHandler(BaseHandler):
    """Jobs of this server."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all that are remembered, newest first."""
        self.finish({"jobs": [job_model(job) for job in self.services.jobs.list()]})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin a job and answer at once."""
        wanted = self.body("NewJob")
        job = begin(self.services, wanted)
        self.created(202, job_model(job), "jobs", job.id)


class JobHandler(BaseHandler):
    """One job."""

    @web.authenticated
    @authorized
    async def get(self, job_id: str) -> None:
        """Return one job."""
        self.finish(job_model(self.services.jobs.get(job_id)))

    @web.authenticated
    @authorized
    async def delete(self, job_id: str) -> None:
        """Cancel a job."""
        self.finish(job_model(await self.services.jobs.cancel(job_id)))
