"""Builds as jobs: what is asked for, and where its folder may be."""

from __future__ import annotations

import errno
import os

from jupyter_gpu_containers.errors import ConflictError, InvalidRequestError, WorkspaceError
from jupyter_gpu_containers.model.image import build as model
from jupyter_gpu_containers.model.image.build import BuildPlan, BuildRequest
from jupyter_gpu_containers.model.job import Job, JobKind
from jupyter_gpu_containers.ports import ContainerBackend, Progress

from .jobs import Jobs

MOST_TEXT = 4 << 20  # bytes of a Dockerfile


class Builds:
    """Begins builds.

    Parameters
    ----------
    backend : ContainerBackend
    jobs : Jobs
    root : str, optional
        Folders are named from here, the server's root directory. None, for a program that runs as
        who asks: from the current one, and any.
    workspace : str, optional
        Folders must lie in it; default: the root.
    limit : int
        Bytes that a build's context may have.
    """

    def __init__(
        self,
        backend: ContainerBackend,
        jobs: Jobs,
        *,
        root: str | None = None,
        workspace: str | None = None,
        limit: int,
    ) -> None:
        self._backend = backend
        self._jobs = jobs
        self._root = root
        self._workspace = workspace or root
        self._limit = limit
        self._plans: dict[str, BuildPlan] = {}  # by job, of those in progress

    def submit(self, request: BuildRequest) -> Job:
        """Begin a build, or return the job that makes the very same just now.

        Raises
        ------
        InvalidImageReferenceError, InvalidRequestError, WorkspaceError, PolicyError
        ConflictError
            Something else is being built under this name.
        """
        self._jobs.gate.check_reference(model.check(request))
        folder = None
        if request.folder is not None:
            folder = context_folder(request.folder, self._root, self._workspace)
        plan = model.make_plan(request, folder, self._limit)
        if self._jobs.gate.limits_images:
            self._jobs.gate.check_bases(_dockerfile(plan))
        if (job := self._jobs.in_progress(JobKind.BUILD, plan.tag)) is not None:
            if self._plans.get(job.id) == plan:
                return job
            raise ConflictError(
                f"Another build of {plan.tag} is in progress.",
                "Cancel it, wait for its end, or take another name.",
                code="build_in_progress",
            )
        job = self._jobs.begin(
            JobKind.BUILD, plan.tag, lambda progress: self._build(plan, progress)
        )
        live = {job.id for job in self._jobs.list() if not job.state.final}
        self._plans = {key: kept for key, kept in self._plans.items() if key in live}
        self._plans[job.id] = plan
        return job

    async def _build(self, plan: BuildPlan, progress: Progress) -> str:
        await self._backend.build(plan, progress=progress)
        return (await self._backend.image(plan.tag)).id


def context_folder(folder: str, root: str | None, workspace: str | None) -> str:
    """Return a build's folder on this machine, by its real path.

    Raises
    ------
    WorkspaceError
        It does not exist, or lies outside the workspace, if only through a symbolic link.
    """
    if "\0" in folder:
        raise WorkspaceError("A folder's name has no NUL in it.")
    if root is None:
        real = os.path.realpath(os.path.expanduser(folder))
    else:
        assert workspace is not None  # the root, where nothing else is set
        # from the root, as the Contents API names folders; nothing is taken as absolute
        real = os.path.realpath(os.path.join(_real(root), folder.lstrip("/")))
        limit = _real(workspace)
        if os.path.commonpath((limit, real)) != limit:
            raise WorkspaceError(
                f"The folder {folder[:200]} lies outside the workspace {limit}.",
                "Build a folder of the workspace.",
            )
    if not os.path.isdir(real):
        raise WorkspaceError(f"There is no folder {folder[:200] or '/'}.", "Check its name.")
    return real


def _dockerfile(plan: BuildPlan) -> str:
    """Return the text of a build's Dockerfile."""
    if plan.folder is None:
        return plan.files[plan.dockerfile].decode()
    path = os.path.realpath(os.path.join(plan.folder, plan.dockerfile))
    try:
        if os.path.commonpath((plan.folder, path)) != plan.folder:
            raise FileNotFoundError(errno.ENOENT, "outside the folder")
        with open(path, "rb") as file:
            return file.read(MOST_TEXT).decode(errors="replace")
    except OSError as exc:
        raise InvalidRequestError(
            f"The Dockerfile {plan.dockerfile[:200]} cannot be read: {exc.strerror}.",
            "Name it by its path in the folder that is built.",
        ) from exc


def _real(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))
