"""Requests to the engine that need more than one line; each blocks, and runs in a worker thread.

They raise docker-py's exceptions, or this product's errors where the status alone tells more.
"""

from __future__ import annotations

import io
import logging
import signal
import tarfile
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import docker.errors
import requests

from jupyter_gpu_containers.errors import GpuContainersError, ProfileMismatchError
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, EngineInfo

from . import limits, mounts, podman, profile
from .body import Injection, cdi_name, create_body
from .client import EngineClient
from .errors import translated
from .facts import engine_info
from .podman import PODMAN
from .words import image_not_found

log = logging.getLogger(__name__)

InjectionSetting = Literal["auto", "cdi", "nvidia"]

GONE, CONFLICT = 404, 409  # HTTP status
NOT_RUNNING = "can only kill running containers"  # Podman says it with 500
REMOVAL = 30.0  # seconds
AGAIN = 2.0  # seconds for which another removal is waited for, before it is looked at again
LEFT_OUT, OWN_LIMITS = "limits_left_out", "own_limits"  # in `EngineInfo.details`


def read_info(client: EngineClient) -> EngineInfo:
    """Ask the engine what it is, which CDI devices it lists now, and what it cannot limit."""
    row = client.info()
    info = engine_info(client.version(), row)
    process = limits.engine_process(client)
    own = limits.own_limits(row, process) if info.name == PODMAN else {}
    told = {
        LEFT_OUT: ",".join(limits.unsettable(row, process)),
        OWN_LIMITS: ",".join(f"{name}={limit}" for name, limit in own.items()),
        podman.DEGRADED: ",".join(podman.degradations(info)),
    }
    return replace(info, details=info.details | {key: text for key, text in told.items() if text})


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
    """Create a container for a spec; return its id.

    Raises
    ------
    ImageNotFoundError
    ProfileMismatchError
        The engine's record of it is not what was asked for; it is removed.
    """
    spec = for_engine(spec, info)
    is_docker = info.name == "Docker Engine"  # Podman lists runtimes that it may not have
    if info.name == PODMAN:
        podman.check_sources(client, spec)
    body = create_body(
        spec,
        choose_injection(setting, info, spec.gpus),
        runtime="runc" if is_docker and "runc" in _listed(info, "runtimes") else None,
        log_driver="local" if "local" in _listed(info, "log_drivers") else None,
        without=_listed(info, LEFT_OUT),
        own_limits={
            name: int(limit)
            for name, _, limit in (text.partition("=") for text in _listed(info, OWN_LIMITS))
            if name
        },
    )
    try:
        container_id = client.create_from_body(body, spec.name)
    except docker.errors.NotFound as exc:
        raise image_not_found(spec.image) from exc
    try:
        with translated(container_id):
            record = client.read_container(container_id)
        if said := profile.differences(profile.expected(body), record, podman=info.name == PODMAN):
            raise _mismatch(said)
        if spec.folders:
            _make_folders(client, container_id, spec)
    except BaseException:
        try:
            with translated(container_id):
                remove(client, container_id, REMOVAL)
        except GpuContainersError as exc:  # the caller must hear the reason for the removal
            log.warning("Container %s is left behind: %s", container_id[:12], exc)
        raise
    return container_id


def for_engine(spec: ContainerSpec, info: EngineInfo) -> ContainerSpec:
    """Return a spec as an engine must be told it.

    A rootless engine runs in a user namespace, where root is the engine's user and any other id
    somebody else, who may read none of the user's files. It gets no capability by that.
    """
    rootless = "name=rootless" in _listed(info, "security")
    return replace(spec, user="0:0") if rootless else spec


def _mismatch(said: list[str]) -> ProfileMismatchError:
    return ProfileMismatchError(
        f"The container is not the one that was asked for: {'; '.join(said)}. It was removed "
        "before it started.",
        "The image or the engine's configuration asks for what no kernel gets: choose another "
        "image, or look at the engine's daemon.json.",
    )


def start(client: EngineClient, container_id: str, binds: Mapping[str, str] | None) -> int:
    """Start a container, and see that its folders are the ones that were asked for.

    Returns its first process, as it is seen here; 0 where it is not.

    Parameters
    ----------
    client : EngineClient
    container_id : str
    binds : mapping, optional
        Target -> source; by default as the engine has them.

    Raises
    ------
    ProfileMismatchError
        A folder was replaced meanwhile. The container is killed.
    """
    client.start(container_id)
    if binds is None:
        rows = client.read_container(container_id).get("Mounts") or ()
        binds = {row["Destination"]: row["Source"] for row in rows if row.get("Type") == "bind"}
    pid = mounts.first_process(container_id)
    if not binds:
        return pid
    theirs = mounts.mountinfo_of_process(pid, container_id)
    if theirs is None:
        pid = int(client.read_container(container_id)["State"].get("Pid") or 0)
        theirs = mounts.mountinfo_of_process(pid, container_id)
    if theirs is None:
        return 0  # it has ended already, or the engine is not on this machine
    wrong = mounts.wrong_mounts(binds, mounts.own_mountinfo(), theirs)
    if wrong:
        kill(client, container_id, signal.SIGKILL)
        names = ", ".join(f"{target} is not {binds[target]}" for target in wrong)
        raise ProfileMismatchError(
            f"Another folder is in the container than was asked for: {names}. The container was "
            "killed.",
            "Something was replaced by a symbolic link while the kernel started. Start it again; "
            "if that does not help, use the folder by its real path.",
        )
    return pid


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
        if exc.status_code not in (GONE, CONFLICT) and NOT_RUNNING not in str(exc.explanation):
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
            client.await_removed(container_id, AGAIN)
        except docker.errors.NotFound:
            return
        except (requests.Timeout, requests.ConnectionError) as exc:
            # who asks while the removal ends may never be told of it
            log.debug("the removal of %s is asked for again: %s", container_id[:12], exc)
