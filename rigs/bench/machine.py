"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import docker

from .place import versions


def describe(client: docker.DockerClient) -> dict[str, Any]:
    """Return processor, kernel, engine and versions; nothing that names the machine."""
    info = client.info()
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "system": _system(),
        "engine": f"Docker Engine {info['ServerVersion']}",
        "engine_api": client.api.api_version,
        "storage_driver": info["Driver"],
        "cgroup": f"v{info.get('CgroupVersion', '1')}, {info['CgroupDriver']}",
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "python_build": "system" if sys.base_prefix == "/usr" else "own build",
        **versions(),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    return str(platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()))
