"""What `doctor` says about the container engine; pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jupyter_gpu_containers.errors import EnginePermissionError, GpuContainersError
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.model.size import format_bytes

from .findings import REPORT, Facts, Finding, Level, trouble, version_of

OLDEST_API = (1, 41)  # Docker 20.10; Podman 4 speaks it too
# runc below these lets an image take over the host (CVE-2025-31133, -52565, -52881)
PATCHED_RUNC = ((1, 2, 8), (1, 3, 3), (1, 4, 0))
ENOUGH_DISK = 20 * 10**9  # bytes; one image with CUDA and a framework unpacks to about that


def check_engine(facts: Facts) -> Finding:
    """An engine answers, and is new enough."""
    engine = facts.engine
    if isinstance(engine, EnginePermissionError):
        return Finding("engine", Level.NOTE, "There is one, but it cannot be asked.")
    if isinstance(engine, GpuContainersError):
        return trouble("engine", engine.message, engine.hint, _other_fix(engine))
    if facts.demo:
        return Finding(
            "engine", Level.NOTE, "Demonstration: kernels are local processes, not containers."
        )
    name = f"{engine.name} {engine.version}, API {engine.api_version}"
    if version_of(engine.api_version) < OLDEST_API:
        return Finding(
            "engine",
            Level.PROBLEM,
            f"{name} is too old: API 1.41 (Docker 20.10, Podman 4) is needed.",
            "sudo apt update && sudo apt install docker.io",
        )
    return Finding("engine", Level.OK, f"{name}.")


def _other_fix(error: GpuContainersError) -> str:
    """Return what helps where the error's hint has no command."""
    return "unset DOCKER_HOST" if "DOCKER_HOST" in error.hint else REPORT


def check_permission(facts: Facts) -> Finding:
    """This user may speak to the engine."""
    if isinstance(facts.engine, EnginePermissionError):
        return trouble("permission", facts.engine.message, facts.engine.hint)
    if isinstance(facts.engine, GpuContainersError):
        return Finding("permission", Level.NOTE, "Not known: the engine does not answer.")
    return Finding("permission", Level.OK, "You may use the engine.")


def check_runc(facts: Facts) -> Finding:
    """The program that starts containers has no known hole, as far as its version tells."""
    version = (
        "" if isinstance(facts.engine, GpuContainersError) else facts.engine.details.get("runc")
    )
    if not version:
        return Finding("runc", Level.NOTE, "Not known: the engine does not tell.")
    number = version_of(version)
    if any(number[:2] == fixed[:2] and number >= fixed for fixed in PATCHED_RUNC) or (
        number >= PATCHED_RUNC[-1]
    ):
        return Finding("runc", Level.OK, f"runc {version}.")
    if re.search(r"[+~](?:ds|deb|dfsg)|ubuntu", version):
        return Finding(
            "runc",
            Level.NOTE,
            f"runc {version}: your distribution mends it without changing this number; "
            "keep it up to date.",
        )
    return Finding(
        "runc",
        Level.PROBLEM,
        f"runc {version} lets an image take over this machine (CVE-2025-31133, CVE-2025-52565, "
        "CVE-2025-52881).",
        "sudo apt update && sudo apt install --only-upgrade containerd.io runc",
    )


LIMITS = {
    "memlock": "locked memory (some libraries for several GPUs need it)",
    "nofile": "open files",
    "memory": "memory",
    "swap": "swap",
    "pids": "processes",
}


def check_limits(facts: Facts) -> Finding:
    """The engine sets every limit of a kernel's container."""
    if isinstance(facts.engine, GpuContainersError):
        return Finding("limits", Level.NOTE, "Not known: the engine does not answer.")
    words = _left_out(facts.engine, "limits_left_out", LIMITS)
    if not words:
        return Finding("limits", Level.OK, "Every limit of a container can be set.")
    return Finding(
        "limits",
        Level.NOTE,
        f"This engine cannot set a container's own limit of {', '.join(words)}: kernels have the "
        "engine's.",
    )


ABILITIES = {
    "group_signals": "an interrupt reaches the kernel alone, not programs that it has started "
    "(unless init_path in containers.conf leads to tini)",
    "log_size": "logs of containers are not limited in size",
    "device_requests": "it cannot be asked which GPUs a container has before it runs",
    "forced_removal": "an image is not removed by force while a container uses it",
}


def check_abilities(facts: Facts) -> Finding:
    """The engine does all that kernels use."""
    if isinstance(facts.engine, GpuContainersError):
        return Finding("abilities", Level.NOTE, "Not known: the engine does not answer.")
    words = _left_out(facts.engine, "degraded", ABILITIES)
    if not words:
        return Finding("abilities", Level.OK, "The engine does all that kernels use.")
    return Finding("abilities", Level.NOTE, f"With {facts.engine.name}: {'; '.join(words)}.")


def _left_out(engine: EngineInfo, key: str, words: Mapping[str, str]) -> list[str]:
    """Return in words what the engine says that it lacks, in the order in which it says so."""
    return [words[name] for name in engine.details.get(key, "").split(",") if name in words]


def check_disk(facts: Facts) -> Finding:
    """There is room for an image."""
    if isinstance(facts.engine, GpuContainersError) or facts.disk_free is None:
        return Finding("disk", Level.NOTE, "Not known: the engine's folder is not on this machine.")
    where = f"{format_bytes(facts.disk_free)} are free in {facts.engine.root_dir}"
    if facts.disk_free < ENOUGH_DISK:
        return Finding(
            "disk",
            Level.PROBLEM,
            f"{where}; an image with CUDA and a framework needs {format_bytes(ENOUGH_DISK)}.",
            "docker system df; docker image prune",
        )
    return Finding("disk", Level.OK, f"{where}.")
