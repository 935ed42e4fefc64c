"""What an engine says when it refuses, in this product's errors: by its words, then by status."""

from __future__ import annotations

import re
from collections.abc import Callable

from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    DiskFullError,
    EngineError,
    GpuContainersError,
    GpuVanishedError,
    ImageNotFoundError,
    KernelExitedError,
    WorkspaceError,
)
from jupyter_gpu_containers.model.image.image import is_image_id

RESTART = "Check it with `systemctl status docker`, then try again."
LOG = "Try again; the engine's own log says more: `journalctl --unit docker`."


def image_not_found(reference: str) -> ImageNotFoundError:
    """Return the error for an image that is not on the engine."""
    hint = f"Fetch it: `docker pull {reference}`."
    if is_image_id(reference):
        hint = "Choose another one; an id alone does not tell where to fetch it."
    return ImageNotFoundError(f"The image {reference} is not on this machine.", hint)


def container_not_found(container_id: str) -> ContainerNotFoundError:
    """Return the error for a container that is gone."""
    return ContainerNotFoundError(
        f"The container {container_id[:12]} does not exist any more.", "Start a new kernel."
    )


def missing_mount(source: str) -> WorkspaceError:
    """Return the error for a bind mount whose source does not exist on the engine's host."""
    return WorkspaceError(
        f"The folder {source} cannot be mounted: the engine does not find it.",
        "The folder must exist on the machine where the container engine runs.",
    )


def engine_said(said: str, status: int = 0, subject: str = "") -> GpuContainersError:
    """Translate an engine's error message by its words, then by its HTTP status.

    Parameters
    ----------
    said : str
        The engine's own words.
    status : int
        HTTP status, 0 where there was none (a message inside a stream).
    subject : str
        Image reference or container id.
    """
    text = " ".join(said.split())
    for pattern, answer in _WORDS:
        if match := pattern.search(text):
            return answer(match, text)
    if status == 404:
        if re.search(r"no such image|image not known|image.*not found", text, re.I):
            return image_not_found(subject)
        return container_not_found(subject)
    return EngineError(f"The container engine refused: {text}", RESTART if status >= 500 else LOG)


_Answer = Callable[["re.Match[str]", str], GpuContainersError]


def _gpu_vanished(match: re.Match[str], text: str) -> GpuContainersError:
    return GpuVanishedError(
        f"A GPU that was chosen is not there any more: {text}",
        "List the GPUs with `jupyter gpu-containers gpus`, then try again. After a change of the "
        "driver or of MIG the CDI specification must be made again: "
        "`sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
    )


def _no_toolkit(match: re.Match[str], text: str) -> GpuContainersError:
    return EngineError(
        f"The container engine cannot give GPUs to containers: {text}",
        "Install the NVIDIA Container Toolkit, then `sudo systemctl restart docker`.",
    )


def _driver(match: re.Match[str], text: str) -> GpuContainersError:
    return EngineError(
        f"The NVIDIA driver does not answer the container engine: {text}",
        "Check `nvidia-smi`; after an update of the driver the machine must be restarted.",
    )


def _requirement(match: re.Match[str], text: str) -> GpuContainersError:
    return EngineError(
        f"The image needs a newer NVIDIA driver: {match[0]}.",
        "Update the driver, or choose an image made for an older CUDA.",
    )


def _not_executable(match: re.Match[str], text: str) -> GpuContainersError:
    return KernelExitedError(
        f"The kernel's command cannot be executed in this image: {match[0]}",
        "Choose another kernel of this image, or another image.",
    )


def _disk_full(match: re.Match[str], text: str) -> GpuContainersError:
    return DiskFullError(
        f"The container engine's disk is full: {text}",
        "Delete what you no longer need: `docker system df`, `docker image prune`.",
    )


def _mount(match: re.Match[str], text: str) -> GpuContainersError:
    return missing_mount(match["path"])


_EXEC = r'exec: "[^"]*".*?(not found|no such file|permission denied|not a directory)'
_WORDS: tuple[tuple[re.Pattern[str], _Answer], ...] = tuple(
    (re.compile(pattern, re.I), answer)
    for pattern, answer in (
        (r"requirement error: (.*?unsatisfied condition: [^,:]+)", _requirement),
        (r"could not select device driver|unknown or invalid driver", _no_toolkit),
        (r"unresolvable CDI devices|CDI device injection failed|unknown device", _gpu_vanished),
        (r"nvml error|driver/library version mismatch|libnvidia-ml", _driver),
        (r"bind source path does not exist: (?P<path>\S+)", _mount),
        (r"statfs (?P<path>\S+): no such file or directory", _mount),  # Podman
        (r"no space left on device|disk quota exceeded", _disk_full),
        (_EXEC + r"|exec format error", _not_executable),
    )
)
