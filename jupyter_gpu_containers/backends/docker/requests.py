"""Requests to the engine that need more than one line; each blocks, and runs in a worker thread.

They raise docker-py's exceptions, or this product's errors where the status alone tells more.
"""

from __future__ import annotations

import io
import logging
import tarfile
import time
from typing import Any, Literal

import docker.errors

from jupyter_gpu_containers.model.container import ContainerSpec, EngineInfo

from .body import Injection, cdi_name, create_body
from .client import EngineClient
from .facts import engine_info
from .words import image_not_found

log = logging.getLogger(__name__)

InjectionSetting = Literal["auto", "cdi", "nvidia"]

GONE, CONFLICT = 404, 409  # HTTP status


def read_info(client: EngineClient) -> EngineInfo:
    """Ask the engine what it is, and which CDI devices it lists now."""
    return engine_info(client.version(), client.info())


def inspect_image(client: EngineClient, reference: str) -> dict[str, Any]:
    """Return the engine's record of an image. Raises `ImageNotFoundError`."""
    try:
        return client.read_image(reference)
    except docker.errors.NotFound as exc:
        raise image_not_found(reference) from exc


def read_stats(client: EngineClient, container_id: str) -> dict[str, Any]:
    """Return the engine's statistics of a container as they are now, without its second sample."""
    path = f"/containers/{container_id}/stats"
    query = {"stream": "false", "one-shot": "true"}
    statistics: dict[str, Any] = client._send("GET", path, params=query).json()
    return statistics


def choose_injection(
    setting: InjectionSetting, info: EngineInfo, uuids: tuple[str, ...]
) -> Injection:
    """Return how GPUs reach a container: by CDI where the engine lists all of them, in doubt."""
    if setting != "auto":
        return setting
    listed = set(info.cdi_devices or ())
    return "cdi" if uuids and listed.issuperset(map(cdi_name, uuids)) else "nvidia"


def create(
    client: EngineClient, spec: ContainerSpec, info: EngineInfo, setting: InjectionSetting
) -> str:
    """Create a container for a spec; return its id. Raises `ImageNotFoundError`."""
    is_docker = info.name == "Docker Engine"  # Podman lists runtimes that it may not have
    body = create_body(
        spec,
        choose_injection(setting, info, spec.gpus),
        runtime="runc" if is_docker and "runc" in _listed(info, "runtimes") else None,
        log_driver="local" if "local" in _listed(info, "log_drivers") else None,
    )
    try:
        container_id = client.create_from_body(body, spec.name)
    except docker.errors.NotFound as exc:
        raise image_not_found(spec.image) from exc
    if spec.folders:
        _make_folders(client, container_id, spec)
    return container_id


def _make_folders(client: EngineClient, container_id: str, spec: ContainerSpec) -> None:
    """Give the user folders inside; nothing runs there yet that could play with their paths.

    A container without them is one in which pip says what it cannot write.
    """
    uid, _, gid = spec.user.partition(":")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in spec.folders:
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, int(time.time())
            entry.uid, entry.gid = int(uid), int(gid)
            tar.addfile(entry)
    try:
        client.put_archive(container_id, "/", archive.getvalue())
    except docker.errors.APIError as exc:  # a file of the image is in the way, for instance
        log.warning("no folder for packages in container %s: %s", container_id[:12], exc)


def _listed(info: EngineInfo, key: str) -> list[str]:
    return info.details.get(key, "").split(",")


def kill(client: EngineClient, container_id: str, signum: int) -> None:
    """Send a signal; nothing happens where the container has ended or is gone."""
    try:
        client.kill(container_id, signum)
    except docker.errors.APIError as exc:
        if exc.status_code not in (GONE, CONFLICT):
            raise


def remove(client: EngineClient, container_id: str, timeout: float) -> None:
    """Kill and remove; return when the container is gone, also by somebody else's removal.

    Raises
    ------
    docker.errors.APIError
        Not gone after ``timeout`` seconds, or the engine failed.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            client.remove_container(container_id, v=True, force=True)
            return
        except docker.errors.APIError as exc:
            if exc.status_code == GONE:
                return
            if exc.status_code != CONFLICT or time.monotonic() > deadline:
                raise
        # "removal of container … is already in progress"
        try:
            client.await_removed(container_id, max(1.0, deadline - time.monotonic()))
        except docker.errors.NotFound:
            return
