"""What a launch starts in: the environment of a request, with an image that is here."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_gpu_containers.errors import (
    EnvironmentNotFoundError,
    GpuContainersError,
    ImageNotFoundError,
    LaunchCancelledError,
)
from jupyter_gpu_containers.model.job import Job, JobKind, JobState
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import LaunchRequest
from jupyter_gpu_containers.service.image.images import Images
from jupyter_gpu_containers.service.image.jobs import Jobs
from jupyter_gpu_containers.service.kernel.environments import Environments
from jupyter_gpu_containers.service.pacing import next_turn


class Preparation:
    """Finds environments for launches, and makes them."""

    def __init__(self, environments: Environments, images: Images, jobs: Jobs) -> None:
        self._environments = environments
        self._images = images
        self._jobs = jobs

    def named(self, name: str) -> Environment:
        """Return an environment. Raises `EnvironmentNotFoundError`."""
        return self._environments.get(name)

    async def environment(
        self, request: LaunchRequest, pulling: Callable[[Job], None]
    ) -> Environment:
        """Return the environment of a request: the named one, or one for its image.

        Parameters
        ----------
        request : LaunchRequest
        pulling : callable
            Called with every state of the job that fetches the image, where one does.

        Raises
        ------
        EnvironmentNotFoundError, ImageNotFoundError
        LaunchCancelledError
            Somebody cancelled the pull.
        GpuContainersError
            The pull's, and those of the look inside the image.
        """
        if request.environment:
            await next_turn()
            return self._environments.get(request.environment)
        reference = request.image or ""
        try:
            image = await self._images.get(reference)
        except ImageNotFoundError:
            if not request.pull:
                raise
            await self._pull(reference, pulling)
            image = await self._images.get(reference)
        await next_turn()
        return self._environments.add(
            image,
            kernel=request.kernel,
            gpus=len(request.gpu_uuids) or request.gpus,
            gpu_profile=request.gpu_profile,
            memory=request.memory,
            shm_size=request.shm_size,
            mounts=request.mounts,
            reference=reference,
        )

    def once_more(self, name: str) -> Environment:
        """Return the environment of a launch that has waited in an earlier process.

        Raises
        ------
        EnvironmentNotFoundError
        """
        try:
            return self._environments.get(name)
        except EnvironmentNotFoundError as exc:
            raise EnvironmentNotFoundError(
                "The launch waited for a GPU when Jupyter Server ended, and cannot go on: "
                f"the environment “{name[:100]}” has been removed.",
                exc.hint,
            ) from None

    async def without_gpus(self, name: str) -> Environment:
        """Return an environment like another one, on the CPU.

        Raises
        ------
        EnvironmentNotFoundError, ImageNotFoundError
        """
        own = self._environments.get(name)
        return self._environments.add(
            await self._images.get(own.image_id),
            kernel=own.kernel.name,
            memory=own.memory,
            shm_size=own.shm_size,
            mounts=own.mounts,
            reference=own.reference,
            idle_timeout=own.idle_timeout,
        )

    async def _pull(self, reference: str, told: Callable[[Job], None]) -> None:
        """Fetch an image by a job, which everybody can see, and who asks for the same shares."""
        job = await self._jobs.share(JobKind.PULL, reference, told)
        if job.error is not None:
            error = job.error
            raise GpuContainersError(error.message, error.hint, code=error.code, log=error.log)
        if job.state is JobState.CANCELLED:
            raise LaunchCancelledError("The pull of the launch's image was cancelled.")
