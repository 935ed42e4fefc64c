"""Every failure a user can meet: one exception tree, each with a code, a sentence and a hint.

::

    GpuContainersError
    ├── InvalidRequestError            what was asked for cannot be understood or is not allowed
    │   ├── InvalidImageReferenceError
    │   ├── DataMountUnknownError      the configuration has no data mount of this name
    │   └── WorkspaceError             the folder is outside the workspace, or cannot be mounted
    ├── CellFailedError                a cell of a notebook that was run raised an exception
    ├── NotFoundError                  what was named does not exist
    │   ├── ImageNotFoundError
    │   ├── KernelNotInImageError
    │   ├── EnvironmentNotFoundError
    │   ├── LaunchNotFoundError
    │   ├── JobNotFoundError
    │   └── ContainerNotFoundError
    ├── ConflictError                  it exists, but its present state does not allow this
    │   ├── NotEnoughGpusError         more GPUs than this machine has
    │   ├── GpusBusyError              more GPUs than are free now
    │   ├── QueueFullError             too many launches wait for GPUs already
    │   ├── GpuVanishedError           a chosen GPU is gone, or did not reach the container
    │   ├── WrongArchitectureError
    │   ├── EnvironmentExistsError
    │   ├── KernelNotRunningError      what only a running kernel allows was asked of another one
    │   ├── ImageInUseError            an environment or a container needs the image
    │   └── DiskFullError              the disk would not hold, or did not hold, the image
    ├── UnavailableError               something that we stand on does not answer
    │   ├── EngineUnreachableError
    │   ├── EnginePermissionError
    │   ├── EngineError                the engine refused or failed
    │   │   └── ProfileMismatchError   a container is not the one that was asked for
    │   ├── TerminalsUnavailableError  this Jupyter server offers no terminals
    │   ├── RuntimeUnavailableError    the kernel to be carried into an image cannot be had
    │   └── RegistryError              (code registry_error: anything else that a registry said)
    │       ├── RegistryUnreachableError
    │       ├── UnauthorizedError      no login, or a wrong or expired one
    │       ├── ForbiddenError         the login is right, but has no access
    │       ├── RateLimitedError
    │       ├── TagUnknownError        no such repository or tag (or a private one)
    │       ├── WrongDigestError       what came is not what its digest says: damaged on its way
    │       └── TransferStalledError   nothing came for two minutes
    ├── PolicyError                    the configuration does not allow it; the sentence says whose
    ├── BuildFailedError               a step of a build failed; with its last lines
    └── KernelStartError               the container ran, but no kernel came of it
        ├── KernelTimeoutError
        ├── KernelExitedError
        ├── OutOfMemoryError
        ├── SharedMemoryFullError
        └── LaunchCancelledError

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar

from jupyter_gpu_containers.model.quoting import one_line, quoted


class GpuContainersError(Exception):
    """A failure that is meant to be read by a user.

    Parameters
    ----------
    message : str
        One sentence in plain words, with the numbers.
    hint : str
        What the reader can do about it; for commands, text that can be pasted.
    code : str, optional
        Stable identifier in ``snake_case``; by default the class's own.
    log : str
        The last lines that the kernel or its container wrote, as they are; they support the
        sentence, and stand apart from it.
    """

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, hint: str = "", *, code: str | None = None, log: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log
        self._code = code

    @property
    def error_code(self) -> str:
        """The code of this failure, the class's own unless one was given."""
        return self._code or self.code

    def as_dict(self) -> dict[str, str]:
        """Return ``{"code", "message", "hint"}``, the form of every error on the wire; and its
        log, where it has one."""
        words = {"code": self.error_code, "message": self.message, "hint": self.hint}
        return {**words, "log": self.log} if self.log else words

    def __str__(self) -> str:
        """Return all of it for logs and tracebacks, where no line of it passes for another's."""
        words = one_line(f"{self.message} {self.hint}".strip())
        return f"{words} Last lines of its log:\n{quoted(self.log)}" if self.log else words


class InvalidRequestError(GpuContainersError):
    """What was asked for cannot be understood or is not allowed."""

    code = "invalid_request"


class CellFailedError(GpuContainersError):
    """A cell of a notebook that was run has raised an exception."""

    code = "cell_failed"


class InvalidImageReferenceError(InvalidRequestError):
    """The text is not an image reference (grammar of ``distribution/reference``)."""

    code = "invalid_image_reference"


class DataMountUnknownError(InvalidRequestError):
    """The configuration has no data mount of this name."""

    code = "data_mount_unknown"


class WorkspaceError(InvalidRequestError):
    """The folder is outside the workspace, or cannot be mounted."""

    code = "workspace_not_allowed"


class NotFoundError(GpuContainersError):
    """What was named does not exist."""

    code = "not_found"


class ImageNotFoundError(NotFoundError):
    """The image is not on this machine."""

    code = "image_not_found"


class KernelNotInImageError(NotFoundError):
    """The image has no kernel, or not the one that was asked for."""

    code = "kernel_not_in_image"


class EnvironmentNotFoundError(NotFoundError):
    """There is no environment of this name."""

    code = "environment_not_found"


class LaunchNotFoundError(NotFoundError):
    """There is no launch of this id."""

    code = "launch_not_found"


class JobNotFoundError(NotFoundError):
    """There is no job of this id."""

    code = "job_not_found"


class ContainerNotFoundError(NotFoundError):
    """The engine has no such container (any more)."""

    code = "container_not_found"


class ConflictError(GpuContainersError):
    """It exists, but its present state does not allow this."""

    code = "conflict"


class NotEnoughGpusError(ConflictError):
    """More GPUs were asked for than this machine has."""

    code = "not_enough_gpus"


class GpusBusyError(ConflictError):
    """More GPUs were asked for than are free now."""

    code = "gpus_busy"


class QueueFullError(ConflictError):
    """As many launches wait for GPUs as may."""

    code = "queue_full"


class GpuVanishedError(ConflictError):
    """A chosen GPU is gone, or the engine did not give it to the container."""

    code = "gpu_vanished"


class WrongArchitectureError(ConflictError):
    """The image was made for another CPU architecture."""

    code = "wrong_architecture"


class EnvironmentExistsError(ConflictError):
    """Another environment has this name."""

    code = "environment_exists"


class KernelNotRunningError(ConflictError):
    """The kernel is not up yet, or has ended."""

    code = "kernel_not_running"


class ImageInUseError(ConflictError):
    """An environment or a container needs the image; the sentence names them."""

    code = "image_in_use"


class DiskFullError(ConflictError):
    """The engine's disk would not hold the image, or did not."""

    code = "disk_full"


class UnavailableError(GpuContainersError):
    """Something that this product stands on does not answer."""

    code = "unavailable"


class EngineUnreachableError(UnavailableError):
    """No container engine answers."""

    code = "engine_unreachable"


class EnginePermissionError(UnavailableError):
    """The engine's socket refuses this user."""

    code = "engine_permission"


class EngineError(UnavailableError):
    """The engine refused or failed; the sentence holds its own words."""

    code = "engine_error"


class ProfileMismatchError(EngineError):
    """What the engine made is not what was asked for; the sentence names the fields."""

    code = "profile_mismatch"


class RuntimeUnavailableError(UnavailableError):
    """The kernel runtime that an image needs is not prepared, and cannot be fetched."""

    code = "runtime_unavailable"


class TerminalsUnavailableError(UnavailableError):
    """This Jupyter server offers no terminals."""

    code = "terminals_unavailable"


class RegistryError(UnavailableError):
    """The image could not be fetched from its registry."""

    code = "registry_error"


class RegistryUnreachableError(RegistryError):
    """No connection to the registry: name, network, proxy, certificate."""

    code = "registry_unreachable"


class UnauthorizedError(RegistryError):
    """The registry wants a login, or refused the one that it got."""

    code = "registry_unauthorized"


class ForbiddenError(RegistryError):
    """The registry knows who asks, and refuses."""

    code = "registry_forbidden"


class RateLimitedError(RegistryError):
    """Too many requests or pulls; `retry_after` is in seconds where the registry told it."""

    code = "registry_rate_limited"

    def __init__(self, message: str, hint: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class TagUnknownError(RegistryError):
    """The registry has no such repository or tag, or does not show it."""

    code = "tag_unknown"


class WrongDigestError(RegistryError):
    """What came is not what its digest says: damaged, or changed on its way."""

    code = "wrong_digest"


class TransferStalledError(RegistryError):
    """Nothing came for two minutes."""

    code = "transfer_stalled"


class PolicyError(GpuContainersError):
    """The configuration does not allow it; the sentence tells the setting and who made it.

    Each kind of rule has a code of its own, ``policy_…``.
    """

    code = "policy"


class BuildFailedError(GpuContainersError):
    """A step of a build failed; the sentence ends with the lines that it wrote last."""

    code = "build_failed"


class KernelStartError(GpuContainersError):
    """The container ran, but no kernel came of it."""

    code = "kernel_start_failed"


class KernelTimeoutError(KernelStartError):
    """The kernel did not answer in time."""

    code = "kernel_timeout"


class KernelExitedError(KernelStartError):
    """The container's process ended by itself."""

    code = "kernel_exited"


class OutOfMemoryError(KernelStartError):
    """The kernel was killed because it reached its memory limit."""

    code = "out_of_memory"


class SharedMemoryFullError(KernelStartError):
    """The kernel was ended because its /dev/shm was full."""

    code = "shared_memory_full"


class LaunchCancelledError(KernelStartError):
    """The launch was cancelled."""

    code = "launch_cancelled"
