"""The registries that the memory backend pretends to reach: what there is to pull, and how it goes.

Everything of the catalogue can be pulled, and anything with a version in its tag in one of
`REPOSITORIES`. A few more references show what can go wrong: `PRIVATE`, `TOO_LARGE`, `ENDLESS`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from jupyter_gpu_containers.catalogue.curated import curated_entries
from jupyter_gpu_containers.errors import (
    DiskFullError,
    GpuContainersError,
    RegistryUnreachableError,
    TagUnknownError,
    UnauthorizedError,
)
from jupyter_gpu_containers.model.image.image import Image, ImageReference
from jupyter_gpu_containers.model.image.registry import Layer
from jupyter_gpu_containers.model.job import Step

from .images import COMPRESSED, demo_image

_GIB = 1024**3
REGISTRIES = ("docker.io", "nvcr.io", "quay.io", "ghcr.io")
REPOSITORIES = re.compile(
    r"(nvcr\.io/nvidia|quay\.io/jupyter|docker\.io/(pytorch|tensorflow|rapidsai|jupyter|openpai))/"
)
PRIVATE = "nvcr.io/nvidia/private:1"
TOO_LARGE = "quay.io/jupyter/too-large:1"  # the disk is full in the middle of it
ENDLESS = "quay.io/jupyter/endless:1"  # begins, and then nothing comes any more
SHARES = (0.02, 0.08, 0.35, 0.25, 0.2, 0.1)  # of an image's bytes, lowest layer first


@dataclass(frozen=True)
class Ending:
    """How a transfer goes on that does not come to its end."""

    error: GpuContainersError | None  # None: nothing comes any more


def layers_of(image: Image) -> tuple[Layer, ...]:
    """Return the layers of an image as its registry's manifest would name them."""
    return tuple(
        Layer(_digest(diff_id), int(image.size * COMPRESSED * share), diff_id)
        for diff_id, share in zip(image.layers, SHARES, strict=False)
    )


def find(reference: str, *, logged_in: bool = False) -> Image:
    """Return what a reference names in its registry.

    Raises
    ------
    RegistryUnreachableError, UnauthorizedError, TagUnknownError
    """
    parsed = ImageReference.parse(reference)
    name = parsed.familiar
    failed = f"The image {name} could not be fetched"
    if parsed.registry not in REGISTRIES:
        raise RegistryUnreachableError(
            f"{failed}: this is a demonstration without a container engine.",
            "Choose one from the list.",
        )
    if name == PRIVATE and not logged_in:
        raise UnauthorizedError(
            f"{failed}: unauthorized: authentication required",
            f"Log in: `jupyter gpu-containers login {parsed.registry}`.",
        )
    known = REPOSITORIES.match(f"{parsed.registry}/{parsed.repository}")
    versioned = known and parsed.tag and re.search(r"\d|^latest$", parsed.tag)
    if not versioned and not any(name in entry.tags for entry in curated_entries()):
        raise TagUnknownError(
            f"{failed}: manifest unknown: this demonstration knows no such tag.",
            "Check the name and the tag.",
        )
    return demo_image(
        name,
        # 1 to 9 GiB, the same in every run
        size=int(_GIB * (1 + int(_digest(name)[7:11], 16) / 0x2000)),
        created=1_756_000_000,
        python="3.12.11",
        env=_environment(name),
    )


def ending(reference: str) -> Ending | None:
    """Return how the transfer of a reference breaks in its middle; None where it does not."""
    if reference == TOO_LARGE:
        return Ending(
            DiskFullError(
                f"The image {reference} could not be fetched: no space left on device",
                "Free some room: remove images that nobody uses.",
            )
        )
    return Ending(None) if reference == ENDLESS else None


def pull_steps(layers: tuple[Layer, ...], present: frozenset[str], lines: int) -> list[Step]:
    """Return what an engine tells of a pull: layers in twos, each in ``lines`` parts."""
    begun = [
        Step(_short(layer.digest), "Already exists", done=True)
        if layer.diff_id in present
        else Step(_short(layer.digest), "Pulling fs layer")
        for layer in layers
    ]
    missing = [layer for layer in layers if layer.diff_id not in present]
    rest: list[Step] = []
    for pair in (missing[n : n + 2] for n in range(0, len(missing), 2)):
        for part in range(1, lines + 1):
            rest += [
                Step(_short(layer.digest), "Downloading", layer.size * part // lines, layer.size)
                for layer in pair
            ]
        for layer in pair:
            name = _short(layer.digest)
            rest += [
                Step(name, "Download complete"),
                Step(name, "Extracting", layer.size, layer.size),
                Step(name, "Pull complete", done=True),
            ]
    return begun + rest


def push_steps(layers: tuple[Layer, ...], present: frozenset[str], lines: int) -> list[Step]:
    """Return what an engine tells of a push; it names layers by their diff ids."""
    begun = [Step(_short(layer.diff_id), "Preparing") for layer in layers]
    rest: list[Step] = []
    for layer in layers:
        name = _short(layer.diff_id)
        if layer.diff_id in present:
            rest.append(Step(name, "Layer already exists", done=True))
            continue
        rest += [
            Step(name, "Pushing", layer.size * part // lines, layer.size)
            for part in range(1, lines + 1)
        ]
        rest.append(Step(name, "Pushed", done=True))
    return begun + rest


def _environment(name: str) -> dict[str, str]:
    env = {"NVIDIA_VISIBLE_DEVICES": "all"} if "notebook" not in name else {}
    if match := re.search(r"cuda-?(\d+(?:\.\d+)?)", name):
        env["CUDA_VERSION"] = match[1]
    if name.startswith("nvcr.io/nvidia/"):
        env["NVIDIA_PRODUCT_NAME"] = name.removeprefix("nvcr.io/nvidia/").partition(":")[0]
    return env


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _short(digest: str) -> str:
    return digest[7:19]
