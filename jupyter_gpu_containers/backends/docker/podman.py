"""What Podman's Docker-compatible socket does otherwise, and what it leaves out.

Seen with Podman 4.3 (tests/backends). Its containers are children of no daemon, its states have
names of their own (`facts.container_status`), and a request that it does not know it ignores.
"""

from __future__ import annotations

import os

from jupyter_gpu_containers.errors import ImageInUseError
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, EngineInfo

from .client import EngineClient
from .words import missing_mount

PODMAN = "Podman Engine"  # `EngineInfo.name`
DEGRADED = "degraded"  # in `EngineInfo.details`


def is_podman(client: EngineClient) -> bool:
    """Ask the engine whether it is Podman."""
    return "BuildahVersion" in client.info()


def degradations(info: EngineInfo) -> tuple[str, ...]:
    """Return what kernels have to do without on an engine, as `service.doctor` puts into words.

    ``group_signals``: its init, catatonit, hands a signal to the kernel alone. ``log_size``: there
    is no log driver "local", which is the one that rotates. ``device_requests``: they are ignored.
    ``forced_removal``: see `check_unused`.
    """
    if info.name != PODMAN:
        return ()
    drivers = info.details.get("log_drivers", "").split(",")
    left_out = {
        "group_signals": True,
        "log_size": "local" not in drivers,
        "device_requests": info.cdi_devices is None,
        "forced_removal": True,
    }
    return tuple(name for name, is_left_out in left_out.items() if is_left_out)


def check_sources(client: EngineClient, spec: ContainerSpec) -> None:
    """Refuse a mount whose source is not there; Podman would make a folder, as its own user.

    Raises
    ------
    WorkspaceError
    """
    if client.listens_here:
        for mount in spec.mounts:
            if not os.path.lexists(mount.source):
                raise missing_mount(mount.source)


def check_unused(client: EngineClient, reference: str) -> None:
    """Refuse to force an image's removal; Podman would remove containers along, running ones, too.

    Raises
    ------
    ImageInUseError
    """
    image_id = client.read_image(reference)["Id"]
    for row in client.containers(all=True):
        if row.get("ImageID") == image_id:
            raise ImageInUseError(
                f"The image {reference} is not removed: the container {row['Id'][:12]} uses it.",
                "Remove the container first.",
            )
