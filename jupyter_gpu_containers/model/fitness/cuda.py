"""Facts about CUDA: which driver a version needs, and which GPUs it makes code for.

Sources: NVIDIA's CUDA Toolkit release notes (table "CUDA Toolkit and Corresponding Driver
Versions"; "Deprecated or Dropped Features"), the pages "Minor Version Compatibility" and "Forward
Compatibility" of "CUDA Compatibility", and the release notes of NGC's framework containers.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

Version = tuple[int, ...]
Capability = tuple[int, int]

_NUMBERS = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)", re.ASCII)

# CUDA -> the lowest driver that came with it, on Linux.
TOOLKIT_DRIVERS: dict[Version, str] = {
    (7, 0): "346.46",
    (7, 5): "352.31",
    (8, 0): "367.48",
    (9, 0): "384.81",
    (9, 1): "390.46",
    (9, 2): "396.26",
    (10, 0): "410.48",
    (10, 1): "418.39",
    (10, 2): "440.33",
    (11, 0): "450.36.06",
    (11, 1): "455.23",
    (11, 2): "460.27.03",
    (11, 3): "465.19.01",
    (11, 4): "470.42.01",
    (11, 5): "495.29.05",
    (11, 6): "510.39.01",
    (11, 7): "515.43.04",
    (11, 8): "520.61.05",
    (12, 0): "525.60.13",
    (12, 1): "530.30.02",
    (12, 2): "535.54.03",
    (12, 3): "545.23.06",
    (12, 4): "550.54.14",
    (12, 5): "555.42.02",
    (12, 6): "560.28.03",
    (12, 8): "570.26",
    (12, 9): "575.51.03",
    (13, 0): "580.65.06",
    (13, 1): "590.44.01",
    (13, 2): "595.45.04",
    (13, 3): "610.43.02",
}

# Driver branch -> newest CUDA that it supports. R565 says 12.7, which never was a toolkit.
BRANCH_CUDA: dict[int, Version] = {
    int(driver.partition(".")[0]): cuda for cuda, driver in TOOLKIT_DRIVERS.items()
} | {565: (12, 7)}

# Major version -> the lowest driver on which every minor version of it runs.
MINOR_VERSION_DRIVERS: dict[int, str] = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}

# Compute capability -> first and last CUDA that makes code for it; None: the newest still does.
_TOOLKITS: dict[Capability, tuple[Version, Version | None]] = {
    (2, 0): ((3, 0), (8, 0)),
    (2, 1): ((3, 2), (8, 0)),
    (3, 0): ((4, 2), (10, 2)),
    (3, 5): ((5, 0), (11, 8)),
    (3, 7): ((6, 5), (11, 8)),
    (5, 0): ((6, 5), (12, 9)),
    (5, 2): ((6, 5), (12, 9)),
    (5, 3): ((6, 5), (12, 9)),
    (6, 0): ((8, 0), (12, 9)),
    (6, 1): ((8, 0), (12, 9)),
    (6, 2): ((8, 0), (12, 9)),
    (7, 0): ((9, 0), (12, 9)),
    (7, 2): ((9, 2), (12, 9)),
    (7, 5): ((10, 0), None),
    (8, 0): ((11, 0), None),
    (8, 6): ((11, 1), None),
    (8, 7): ((11, 4), None),
    (8, 9): ((11, 8), None),
    (9, 0): ((11, 8), None),
    (10, 0): ((12, 8), None),
    (10, 3): ((12, 9), None),
    (11, 0): ((13, 0), None),
    (12, 0): ((12, 8), None),
    (12, 1): ((12, 9), None),
}

# Compute capability -> the first driver branch that knows such GPUs.
_FIRST_BRANCH: dict[Capability, int] = {
    (7, 0): 384,
    (7, 5): 410,
    (8, 0): 450,
    (8, 6): 455,
    (8, 9): 520,
    (9, 0): 520,
    (10, 0): 570,
    (12, 0): 570,
}

# NGC framework release -> the lowest compute capability, from that release on.
_NGC_CAPABILITIES: tuple[tuple[Version, Capability], ...] = (
    ((25, 1), (7, 5)),
    ((18, 12), (6, 0)),
)

# Brands as NVML counts them (nvmlBrandType_t), by the names that libnvidia-container compares.
BRANDS = (
    "Unknown",
    "Quadro",
    "Tesla",
    "NVS",
    "GRID",
    "GeForce",
    "TITAN",
    "vApps",
    "VPC",
    "VCS",
    "VWS",
    "CloudGaming",
    "QuadroRTX",
    "NvidiaRTX",
    "Nvidia",
    "GeForceRTX",
    "TITANRTX",
)
_CONSUMER = ("geforce", "geforcertx", "titan", "titanrtx")
_DATA_CENTRE = ("tesla", "nvidia", "grid", "vcs", "vws", "vpc", "vapps", "cloudgaming")
_CONSUMER_NAME = re.compile(r"\b(GeForce|TITAN|GTX|RTX [2-5]0[5-9]0)\b", re.IGNORECASE)
_DATA_CENTRE_NAME = re.compile(
    r"\b(Tesla|[KPTVLAH]\d{1,3}[SX]?|H200|G?B[123]00|G?H200|L40S)\b(?! Laptop)", re.ASCII
)


class ForwardCompatibility(Enum):
    """Whether a GPU runs a user-mode driver that is newer than its kernel's."""

    YES = "yes"  # data-centre GPUs
    NO = "no"  # GeForce, TITAN: CUDA fails with error 804
    SOME = "some"  # workstation GPUs: those that NVIDIA certified


@lru_cache(maxsize=2048)
def numbers(text: str | None) -> Version | None:
    """Return the leading dotted numbers of a version; None without any.

    >>> numbers("13.3.1.008"), numbers("cuda12")
    ((13, 3, 1, 8), None)
    """
    match = _NUMBERS.match(text or "")
    return tuple(map(int, match[1].split("."))) if match else None


def dotted(version: Version) -> str:
    """Return a version as text.

    >>> dotted((12, 8))
    '12.8'
    """
    return ".".join(map(str, version))


def cuda_of_driver(driver: str | None) -> Version | None:
    """Return the newest CUDA that a driver supports, as far as its branch is known."""
    branch = (numbers(driver) or (0,))[0]
    known = [number for number in BRANCH_CUDA if number <= branch]
    return BRANCH_CUDA[max(known)] if known else None


def lowest_driver(cuda: Version) -> str | None:
    """Return the lowest driver that runs a CUDA version, if only by minor-version compatibility.

    >>> lowest_driver((12, 8)), lowest_driver((10, 1))
    ('525.60.13', '418.39')
    """
    if cuda[:2] == (11, 0):
        return TOOLKIT_DRIVERS[11, 0]
    return MINOR_VERSION_DRIVERS.get(cuda[0]) or TOOLKIT_DRIVERS.get(cuda[:2])


def toolkits_for(capability: Capability) -> tuple[Version, Version | None] | None:
    """Return the first and the last CUDA that makes code for a GPU; None where not known."""
    return _TOOLKITS.get(capability)


def first_branch(capability: Capability) -> int | None:
    """Return the first driver branch that knows such a GPU; None where not known."""
    return _FIRST_BRANCH.get(capability)


def ngc_capability(release: str | None) -> Capability | None:
    """Return the lowest compute capability of an NGC framework release such as "25.01"."""
    number = numbers(release)
    if number is None:
        return None
    return next((lowest for since, lowest in _NGC_CAPABILITIES if number >= since), None)


def forward_compatibility(brand: str | None, name: str) -> ForwardCompatibility:
    """Tell whether a GPU runs newer user-mode drivers, by its brand, else by its name."""
    known = (brand or "").lower()
    if known in _CONSUMER or (known in ("", "unknown") and _CONSUMER_NAME.search(name)):
        return ForwardCompatibility.NO
    if known in _DATA_CENTRE or (known in ("", "unknown") and _DATA_CENTRE_NAME.search(name)):
        return ForwardCompatibility.YES
    return ForwardCompatibility.SOME
