"""``/gpu-containers/environments``."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.service.kernel.environments import environment_problems

from .base import BaseHandler
from .serializers import environment_model


class EnvironmentsHandler(BaseHandler):
    """Kernelspecs of ours."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all environments, each with the reason why it cannot be started, if any."""
        found = self.services.environments.list()
        problems = await environment_problems(found, self.services.backend)
        self.finish({"environments": [environment_model(e, problems.get(e.name)) for e in found]})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Add one for an image that is here."""
        wanted = self.body("NewEnvironment")
        reference = wanted.pop("image")
        image = await self.services.images.get(reference)
        added = self.services.environments.add(image, reference=reference, **wanted)
        self.created(201, environment_model(added, None), "environments", added.name)


class EnvironmentHandler(BaseHandler):
    """One kernelspec of ours."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Return one environment."""
        found = self.services.environments.get(name)
        problems = await environment_problems([found], self.services.backend)
        self.finish(environment_model(found, problems.get(name)))

    @web.authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """Remove one; kernels that run in it go on."""
        self.services.environments.remove(name)
        self.set_status(204)
        self.finish()
