"""``/gpu-containers/launches``."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.model.kernel.launch import LaunchRequest

from .base import BaseHandler
from .change_serializers import changes_model
from .serializers import launch_model


class LaunchesHandler(BaseHandler):
    """Launches of this server."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all that are remembered, newest first."""
        launches = [launch_model(launch) for launch in self.services.launches.list()]
        await self.answer({"launches": launches}, compress=False)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin a launch and answer at once."""
        request = LaunchRequest(**self.body("NewLaunch"))
        launch = self.services.launches.submit(request, user=self.user)
        self.created(202, launch_model(launch), "launches", launch.id)


class LaunchHandler(BaseHandler):
    """One launch."""

    @web.authenticated
    @authorized
    async def get(self, launch_id: str) -> None:
        """Return one launch."""
        self.finish(launch_model(self.services.launches.get(launch_id)))

    @web.authenticated
    @authorized
    async def patch(self, launch_id: str) -> None:
        """Start what waits for GPUs now, on the CPU."""
        self.body("LaunchPatch")  # it can say nothing else yet
        self.finish(launch_model(await self.services.launches.start_on_cpu(launch_id)))

    @web.authenticated
    @authorized
    async def delete(self, launch_id: str) -> None:
        """Cancel a launch or shut its kernel down; its GPUs are free when this answers."""
        await self.services.launches.cancel(launch_id)
        self.set_status(204)
        self.finish()


class KeepAliveHandler(BaseHandler):
    """A kernel that its user wants to keep."""

    @web.authenticated
    @authorized
    async def post(self, launch_id: str) -> None:
        """Use it, so that it is not stopped for being idle."""
        self.finish(launch_model(self.services.idle.keep_alive(launch_id)))


class ChangesHandler(BaseHandler):
    """What a kernel's container has become."""

    @web.authenticated
    @authorized
    async def get(self, launch_id: str) -> None:
        """Return what an image of it would have that its image has not."""
        kernel_id = self.services.launches.running(launch_id)
        self.finish(changes_model(await self.services.commits.preview(kernel_id)))
