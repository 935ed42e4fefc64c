"""Reads the engine's JSON (Docker Engine API 1.41 and later) into the model's values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from jupyter_gpu_containers.errors import InvalidImageReferenceError
from jupyter_gpu_containers.model.image.image import Image, ImageConfig, ImageReference
from jupyter_gpu_containers.model.kernel.container import Container, ContainerStatus, EngineInfo
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource

OVER = (ContainerStatus.EXITED, ContainerStatus.DEAD)  # computes no more unless it is started again
# Podman's own (libpod/define/containerstate.go): its Docker-compatible socket shows them, too
_PODMANS_STATES = {
    "configured": ContainerStatus.CREATED,
    "initialized": ContainerStatus.CREATED,
    "stopping": ContainerStatus.RUNNING,
    "stopped": ContainerStatus.EXITED,  # its process has ended, Podman's own work has not
}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def seconds(text: str) -> float:
    """Return seconds since the epoch of an RFC 3339 time; 0 for Go's zero time and for ""."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if match is None or match[1].startswith("0001"):
        return 0.0
    zone = "+00:00" if match[3] == "Z" else match[3]
    whole = datetime.fromisoformat(match[1] + zone).astimezone(timezone.utc).timestamp()
    return whole + float(match[2] or 0)


@lru_cache(4096)  # a list of images has the same names each time
def familiar(reference: str) -> str:
    """Return a reference in the form Docker prints, also where the engine is Podman."""
    try:
        return ImageReference.parse(reference).familiar
    except InvalidImageReferenceError:
        return reference


def _names(values: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(value for value in values or () if "<none>" not in value)


def image_from_list(row: Mapping[str, Any]) -> Image | None:
    """Read a row of ``GET /images/json``; None for a dangling image."""
    tags, digests = _names(row.get("RepoTags")), _names(row.get("RepoDigests"))
    if not tags and not digests:
        return None
    return Image(
        id=row["Id"],
        references=tuple(sorted(map(familiar, tags or digests))),  # the engine's order is random
        repo_digests=digests,
        size=int(row.get("Size") or 0),
        created=float(row.get("Created") or 0),
        labels=dict(row.get("Labels") or {}),
    )


def image_from_inspect(row: Mapping[str, Any]) -> Image:
    """Read ``GET /images/{name}/json``."""
    config = row.get("Config") or {}
    labels = dict(config.get("Labels") or {})
    tags, digests = _names(row.get("RepoTags")), _names(row.get("RepoDigests"))
    return Image(
        id=row["Id"],
        references=tuple(sorted(map(familiar, tags or digests))),  # the engine's order is random
        repo_digests=digests,
        size=int(row.get("Size") or 0),
        created=seconds(row.get("Created") or ""),
        labels=labels,
        architecture=row.get("Architecture") or None,
        config=ImageConfig(env=_environment(config.get("Env")), labels=labels),
        layers=tuple((row.get("RootFS") or {}).get("Layers") or ()),
    )


def _environment(pairs: Iterable[str] | None) -> dict[str, str]:
    split = (pair.partition("=") for pair in pairs or ())
    return {key: value for key, _, value in split}


def container_status(text: str) -> ContainerStatus:
    """Read a container's state; one that nobody knows is never taken for an end."""
    name = text.lower()
    if name in _PODMANS_STATES:
        return _PODMANS_STATES[name]
    try:
        return ContainerStatus(name)
    except ValueError:
        return ContainerStatus.RESTARTING  # kept, and looked at again


def container_from_list(row: Mapping[str, Any]) -> Container:
    """Read a row of ``GET /containers/json``."""
    names = row.get("Names") or [""]
    return Container(
        id=row["Id"],
        name=names[0].lstrip("/"),
        status=container_status(row["State"]),
        image=row.get("ImageID") or row.get("Image") or "",
        labels=dict(row.get("Labels") or {}),
        created=float(row.get("Created") or 0),
    )


def usage_from_stats(row: Mapping[str, Any], now: float) -> ContainerUsage | None:
    """Read ``GET /containers/{id}/stats``; None for a container that does not run.

    Parameters
    ----------
    row : mapping
    now : float
        Seconds since the epoch.
    """
    memory, pids = row.get("memory_stats") or {}, row.get("pids_stats") or {}
    if not memory and not pids:
        return None
    limit = memory.get("limit")
    return ContainerUsage(
        source=UsageSource.ENGINE,
        at=now,
        memory=memory.get("usage"),
        memory_peak=memory.get("max_usage"),  # only with cgroup v1
        memory_limit=limit,
        pids=pids.get("current"),
        pids_limit=pids.get("limit") or None,
    )


def engine_info(version: Mapping[str, Any], info: Mapping[str, Any]) -> EngineInfo:
    """Read ``GET /version`` and ``GET /info``."""
    components = {c.get("Name", ""): c for c in version.get("Components") or ()}
    podman = components.get("Podman Engine")
    name = "Podman Engine" if podman else "Docker Engine"
    runc = components.get("runc") or {}
    arch = version.get("Arch") or info.get("Architecture") or ""
    details = {
        "operating_system": info.get("OperatingSystem"),
        "kernel": info.get("KernelVersion"),
        "storage_driver": info.get("Driver"),
        "cgroup_driver": info.get("CgroupDriver"),
        "cgroup_version": info.get("CgroupVersion"),
        "default_runtime": info.get("DefaultRuntime"),
        "runtimes": ",".join(info.get("Runtimes") or ()),
        "runc": runc.get("Version"),
        "containerd": (components.get("containerd") or {}).get("Version"),
        "init": info.get("InitBinary"),
        "log_drivers": ",".join((info.get("Plugins") or {}).get("Log") or ()),
        "live_restore": str(bool(info.get("LiveRestoreEnabled"))).lower(),
        "security": ",".join(info.get("SecurityOptions") or ()),
    }
    return EngineInfo(
        name=name,
        version=(podman or version).get("Version") or version.get("Version") or "",
        api_version=version.get("ApiVersion") or "",
        architecture=_ARCHITECTURES.get(arch, arch),
        cdi_devices=_cdi_devices(info, (podman or {}).get("Version")),
        nvidia_runtime="nvidia" in (info.get("Runtimes") or {}),
        root_dir=info.get("DockerRootDir") or "",
        details={key: str(value) for key, value in details.items() if value},
    )


def _cdi_devices(info: Mapping[str, Any], podman: str | None) -> tuple[str, ...] | None:
    discovered = info.get("DiscoveredDevices")  # API 1.50
    if discovered is not None:
        return tuple(row["ID"] for row in discovered if row.get("Source") == "cdi")
    folders = info.get("CDISpecDirs")  # API 1.44; there only while CDI is switched on
    if podman is not None:
        # Before 5.4 Podman's Docker-compatible API ignores device requests without a word.
        major, minor = (int(part) for part in re.findall(r"\d+", podman + ".0")[:2])
        folders = ["/etc/cdi", "/var/run/cdi"] if (major, minor) >= (5, 4) else None
    if not folders:
        return None
    return tuple(name for folder in folders for name in _read_cdi_folder(Path(folder)))


def _read_cdi_folder(folder: Path) -> list[str]:
    """Return the names in a folder of CDI specifications; unreadable ones count as not there."""
    names: list[str] = []
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix in (".json", ".yaml", ".yml"))
    except OSError:
        return names
    for file in files:
        try:
            text = file.read_text("utf-8")
            spec = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
            names += [f"{spec['kind']}={device['name']}" for device in spec["devices"]]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            continue  # the engine skips a damaged specification, too
    return names
