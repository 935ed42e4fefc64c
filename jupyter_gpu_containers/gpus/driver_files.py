"""Whether the driver that runs is the one that is installed: read from files, without NVML.

A program that loaded NVML before an upgrade goes on as before and notices nothing; but a container
that is started now gets the new libraries, which the old kernel module refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from jupyter_gpu_containers.model.gpu.device import Problem

MODULE = Path("/sys/module/nvidia/version")
CDI_FOLDERS = (Path("/etc/cdi"), Path("/var/run/cdi"))
LIBRARY_FOLDERS = tuple(
    map(
        Path,
        (
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/usr/lib/wsl/lib",
        ),
    )
)
_LIBRARY = re.compile(r"libnvidia-ml\.so\.(\d+\.\d+(?:\.\d+)?)$")
_IN_CDI = re.compile(r"\blib(?:cuda|nvidia-ml)\.so\.(\d+\.\d+(?:\.\d+)?)\b")
MAKE_CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def loaded_version(file: Path = MODULE) -> str | None:
    """Return the version of the kernel module that is loaded; None where there is none."""
    try:
        return file.read_text("ascii").strip() or None
    except (OSError, ValueError):
        return None


def installed_versions(folders: Iterable[Path] = LIBRARY_FOLDERS) -> frozenset[str]:
    """Return the versions of the driver's library that programs started now could load."""
    found = set()
    for folder in folders:
        try:
            target = (folder / "libnvidia-ml.so.1").resolve(strict=True)
        except (OSError, RuntimeError):
            continue
        if match := _LIBRARY.search(target.name):
            found.add(match[1])
    return frozenset(found)


def cdi_versions(folders: Iterable[Path] = CDI_FOLDERS) -> frozenset[str]:
    """Return the versions of the driver's libraries that CDI specifications of NVIDIA mount."""
    found: set[str] = set()
    for folder in folders:
        try:
            files = [f for f in folder.iterdir() if f.suffix in (".yaml", ".yml", ".json")]
        except OSError:
            continue
        for file in files:
            try:
                text = file.read_text("utf-8", "replace")
            except OSError:
                continue
            if "nvidia.com/" in text:
                found.update(_IN_CDI.findall(text))
    return frozenset(found)


def mismatch(loaded: str | None, installed: Iterable[str], cdi: Iterable[str]) -> Problem | None:
    """Return why no container can get a GPU now; None where versions agree or are not known.

    Parameters
    ----------
    loaded : str or None
        The kernel module's version.
    installed, cdi : iterable of str
        Versions of libraries on disk, and of those that CDI specifications name.
    """
    if loaded is None:
        return None
    others = sorted(set(installed))
    if others and loaded not in others:
        return Problem(
            "driver_library_mismatch",
            f"The NVIDIA driver was upgraded to {_words(others)}, but {loaded} is still loaded.",
            "Reboot this machine, or stop all programs that use a GPU and reload the nvidia "
            "modules. Kernels that run now are not affected.",
        )
    listed = sorted(set(cdi))
    if listed and loaded not in listed:
        return Problem(
            "cdi_outdated",
            f"The CDI specification was made for the NVIDIA driver {_words(listed)}, but {loaded} "
            "is loaded.",
            MAKE_CDI,
        )
    return None


def driver_problem() -> Problem | None:
    """Look at this machine; see `mismatch`."""
    loaded = loaded_version()
    return None if loaded is None else mismatch(loaded, installed_versions(), cdi_versions())


def _words(versions: Sequence[str]) -> str:
    return " and ".join(versions)
