"""``/gpu-containers/jobs``: pulls and pushes."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.model.job import JobKind

from .base import BaseHandler
from .serializers import job_model


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
        job = self.services.jobs.submit(JobKind(wanted["kind"]), wanted["reference"])
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
