"""Commits: what a running kernel's container has become, looked at first, kept as an image then."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from jupyter_gpu_containers.errors import (
    ConflictError,
    ContainerNotFoundError,
    DiskFullError,
    GpuContainersError,
    ImageNotFoundError,
    KernelNotRunningError,
)
from jupyter_gpu_containers.model.image import changes as model
from jupyter_gpu_containers.model.image.changes import Changes, LeftOut
from jupyter_gpu_containers.model.image.container_diff import ChangeKind, ContainerDiff, Outside
from jupyter_gpu_containers.model.image.image import Image, ImageReference
from jupyter_gpu_containers.model.image.recipe import make_recipe
from jupyter_gpu_containers.model.image.user_packages import USER_BASE, VARIABLE
from jupyter_gpu_containers.model.job import Job, JobKind, Step
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import HOME, HOSTS_FILE
from jupyter_gpu_containers.model.kernel.runtime import RUNTIME_FOLDER
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.ports import ContainerBackend, Progress

from .images import Images
from .jobs import Jobs

DATA = "/data/"
MOST_FILES = 200_000  # that are looked at in a home

DEMONSTRATION = (
    "This is the demonstration: kernels are local processes, and what they install or write lies "
    "on this machine. The new image is as the old one."
)
REASONS = {
    HOME: "the kernel's own home, which ends with the kernel",
    RUNTIME_FOLDER: "the kernel that is carried in; every start brings it again",
}


class Commits:
    """Looks at what kernels changed, and makes images of them.

    Parameters
    ----------
    backend : ContainerBackend
    images : Images
        Looks inside what came of a commit.
    jobs : Jobs
    """

    def __init__(self, backend: ContainerBackend, images: Images, jobs: Jobs) -> None:
        self._backend = backend
        self._images = images
        self._jobs = jobs
        self._kernels: dict[str, str] = {}  # by job, of those in progress

    async def preview(self, kernel_id: str) -> Changes:
        """Tell what an image of a kernel's container would have that its image has not.

        Raises
        ------
        ContainerNotFoundError
        KernelNotRunningError
        """
        container = await self._container(kernel_id)
        diff = await self._backend.diff(container.id)
        image = await self._image(diff.image_id)
        return await asyncio.to_thread(_changes, diff, image)

    def submit(self, kernel_id: str, reference: str) -> Job:
        """Begin to make an image of a kernel's container, or return the job that does so now.

        Raises
        ------
        InvalidImageReferenceError, PolicyError
        ConflictError
            An image of another kernel is being made under this name.
        """
        self._jobs.gate.check_reference(ImageReference.parse_name(reference))
        name = ImageReference.parse_name(reference).familiar
        if (job := self._jobs.in_progress(JobKind.COMMIT, name)) is not None:
            if self._kernels.get(job.id) == kernel_id:
                return job
            raise ConflictError(
                f"An image of another kernel is being made under the name {name}.",
                "Wait for its end, or take another name.",
                code="commit_in_progress",
            )
        job = self._jobs.begin(JobKind.COMMIT, name, lambda tell: self._work(kernel_id, name, tell))
        live = {job.id for job in self._jobs.list() if not job.state.final}
        self._kernels = {key: kept for key, kept in self._kernels.items() if key in live}
        self._kernels[job.id] = kernel_id
        return job

    async def _work(self, kernel_id: str, name: str, tell: Progress) -> str:
        tell(Step("", "Looking what has changed"))
        container = await self._container(kernel_id)
        diff = await self._backend.diff(container.id)
        await self._check_room(diff, name)
        env = {VARIABLE: USER_BASE} if model.uses_user_base(diff.paths) else {}
        tell(Step("", "Writing the image; the kernel stands still meanwhile"))
        image_id = await self._backend.commit(container.id, name, env=env)
        tell(Step("", "Looking for kernels in it"))
        try:
            await self._images.look(image_id)
        except GpuContainersError as exc:  # it is there all the same; the next look tells why
            tell(Step("", exc.message))
        return image_id

    async def _container(self, kernel_id: str) -> Container:
        """Return a kernel's running container."""
        found = await self._backend.containers(f"{labels.KERNEL}={kernel_id}")
        if not found:
            raise ContainerNotFoundError(
                f"The kernel {kernel_id} has no container (any more).",
                "Only a kernel that runs can be made an image of.",
            )
        if found[0].status is not ContainerStatus.RUNNING:
            raise KernelNotRunningError(
                f"The kernel {kernel_id} does not run: its container is {found[0].status.value}.",
                "Restart the kernel first; what is installed in it is still there.",
            )
        return found[0]

    async def _image(self, image_id: str) -> Image:
        try:
            return await self._backend.image(image_id)
        except ImageNotFoundError:  # its last name was taken away by force
            return Image(image_id)

    async def _check_room(self, diff: ContainerDiff, name: str) -> None:
        info = await self._backend.info()
        free = await asyncio.to_thread(_free, info.root_dir)
        if free is not None and diff.size is not None and diff.size > free:
            raise DiskFullError(
                f"The image {name} needs {format_bytes(diff.size)} beyond its base; "
                f"{format_bytes(free)} are free at {info.root_dir}.",
                "Remove images that nobody uses, or files from the kernel's container.",
            )


def _changes(diff: ContainerDiff, image: Image) -> Changes:
    paths = model.relevant(diff)
    packages = model.package_changes(diff.paths, diff.apt)
    files = [path for path in paths if not path.folder]
    kinds = [path.kind for path in files]
    recipe = make_recipe(
        image,
        packages,
        user=diff.image_user,
        command=diff.command,
        others=model.unexplained(paths, packages),
    )
    return Changes(
        image=image.name,
        image_id=image.id,
        size=diff.size,
        added=kinds.count(ChangeKind.ADDED),
        changed=kinds.count(ChangeKind.CHANGED),
        removed=kinds.count(ChangeKind.REMOVED),
        folders=model.folder_changes(paths),
        packages=packages,
        credentials=model.credential_files(paths),
        left_out=tuple(_left_out(diff)),
        dockerfile=recipe.dockerfile,
        files=recipe.files,
    )


def _left_out(diff: ContainerDiff) -> Iterator[LeftOut]:
    """What a kernel sees and an image does not keep; of a home also what was installed there."""
    for outside in diff.outside:
        if outside.kind == "demonstration":
            yield LeftOut(outside.target, DEMONSTRATION)
        elif outside.target == HOME:
            size, packages = _home(outside.source)
            yield LeftOut(HOME, REASONS[HOME], size, packages)
        elif os.path.basename(outside.target) != HOSTS_FILE:
            yield LeftOut(outside.target, _reason(outside))


def _reason(outside: Outside) -> str:
    if outside.target in REASONS:
        return REASONS[outside.target]
    if outside.kind != "bind":
        return f"a {outside.kind} of the image's, which the engine keeps apart"
    if outside.target.startswith(DATA):
        return "data that is mounted from this machine"
    if os.path.exists(os.path.join(outside.source, HOSTS_FILE)):
        return "the kernel's connection"
    return "the folder of your notebooks, on this machine"


def _home(folder: str) -> tuple[int | None, tuple[str, ...]]:
    """Return bytes in a kernel's home, and what pip installed there; None where it is not ours."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return None, ()
    size = seen = 0
    for where, _, names in os.walk(folder):
        for name in names:
            seen += 1
            try:
                size += os.lstat(os.path.join(where, name)).st_size
            except OSError:  # the kernel removed it meanwhile
                continue
        if seen > MOST_FILES:
            break
    found = sorted(
        "{} {}".format(*path.name.removesuffix(".dist-info").rsplit("-", 1))
        for path in Path(folder, ".local", "lib").glob("python*/site-packages/*-*.dist-info")
        if path.name.isprintable()
    )
    return size, tuple(found)


def _free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None
