"""What NVIDIA's container runtime reads in an image's environment.

Meanings are those of NVIDIA Container Toolkit's ``internal/config/image`` and of its legacy hook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

SUPPORTED_CAPABILITIES = (
    "compat32",
    "compute",
    "display",
    "graphics",
    "ngx",
    "utility",
    "video",
)
DISABLE_REQUIRE = "NVIDIA_DISABLE_REQUIRE"
_DEFAULT_CAPABILITIES = ("compute", "utility")
_SEMANTIC_VERSION = re.compile(
    r"v?(\d+)(?:\.(\d+)(?:\.(\d+))?)?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
_TRUE = ("1", "t", "T", "TRUE", "true", "True")  # Go's strconv.ParseBool
_LARGEST = 2**32 - 1


class UnusableVariableError(ValueError):
    """A variable makes NVIDIA's runtime refuse the container; the sentence says which."""


def is_legacy(env: Mapping[str, str]) -> bool:
    """Tell whether the runtime takes the image for one of before 2018, and so for a GPU image."""
    return bool(env.get("CUDA_VERSION")) and not env.get("NVIDIA_REQUIRE_CUDA")


def requirements_disabled(env: Mapping[str, str]) -> bool:
    """Tell whether the image itself asks to skip its requirements."""
    return env.get(DISABLE_REQUIRE, "") in _TRUE


def requirements(env: Mapping[str, str]) -> dict[str, str]:
    """Return the requirements by variable; a legacy image's ``CUDA_VERSION`` becomes one.

    Raises
    ------
    UnusableVariableError
        It is a legacy image, and ``CUDA_VERSION`` is not one to three numbers.
    """
    if requirements_disabled(env):
        return {}
    found = {
        name: value
        for name, value in env.items()
        if name.startswith("NVIDIA_REQUIRE_") and not name.startswith("NVIDIA_REQUIRE_JETPACK")
    }
    if is_legacy(env):
        found["CUDA_VERSION"] = f"cuda>={major_minor(env['CUDA_VERSION'])}"
    return found


def major_minor(version: str) -> str:
    """Return "X.Y" of a legacy image's ``CUDA_VERSION``. Raises `UnusableVariableError`."""
    match = _SEMANTIC_VERSION.fullmatch(version) if len(version) < 256 else None
    if match is None or any(int(part or 0) > _LARGEST for part in match.groups()[:2]):
        raise UnusableVariableError(
            f"CUDA_VERSION={version[:40]} is not one to three numbers, as NVIDIA's runtime wants "
            "it of an image without NVIDIA_REQUIRE_CUDA."
        )
    return f"{int(match[1])}.{int(match[2] or 0)}"


def visible_devices(
    env: Mapping[str, str], variables: Sequence[str] = ("NVIDIA_VISIBLE_DEVICES",)
) -> tuple[str, ...] | None:
    """Return the devices that the image asks for; None where it is no GPU container.

    An empty tuple is the driver without a device ("none").

    Parameters
    ----------
    env : mapping
    variables : sequence of str
        Those that name devices; a site can configure others (``swarm-resource``).
    """
    named = [name for name in variables if name in env]
    if not named:
        return ("all",) if is_legacy(env) else None
    devices = [part.strip() for name in named for part in env[name].split(",") if part.strip()]
    if not devices or "void" in devices:
        return None
    special = next((device for device in devices if device in ("all", "none")), None)
    if special is not None:
        return ("all",) if special == "all" else ()
    return tuple(devices)


def driver_capabilities(
    env: Mapping[str, str], supported: Sequence[str] = SUPPORTED_CAPABILITIES
) -> tuple[str, ...]:
    """Return the parts of the driver that the image asks for, sorted.

    Raises
    ------
    UnusableVariableError
        It asks for one that NVIDIA's runtime does not know.
    """
    asked = env.get("NVIDIA_DRIVER_CAPABILITIES")
    if asked is None and is_legacy(env):
        return tuple(sorted(supported))
    names = {part.strip() for part in (asked or "").split(",") if part.strip()}
    if not names:
        return tuple(sorted(set(supported) & set(_DEFAULT_CAPABILITIES)))
    if "all" in names:
        return tuple(sorted(supported))
    unknown = names - set(supported)
    if unknown:
        raise UnusableVariableError(
            f"NVIDIA_DRIVER_CAPABILITIES asks for {', '.join(sorted(unknown))}, which NVIDIA's "
            f"runtime does not know; it knows {', '.join(sorted(supported))}."
        )
    return tuple(sorted(names))
