"""Whether an image runs on a machine, GPU by GPU, with the reasons: before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .image import ImageConfig
from .rating import Rating, Reason

__all__ = ["GpuVerdict", "ImageClaims", "Rating", "Reason", "Verdict", "verdict_document"]


@dataclass(frozen=True)
class ImageClaims:
    """What an image says of itself; None is "not known", never "none"."""

    reference: str  # "nvcr.io/nvidia/pytorch:25.08-py3"; "" where it has no name
    config: ImageConfig
    architecture: str | None  # Go's name, "amd64"
    download: int | None = None  # bytes still to fetch, compressed; 0 when it is on the engine
    kernels: bool | None = None  # whether a kernel is installed inside


@dataclass(frozen=True)
class GpuVerdict:
    """How an image and one GPU get on."""

    index: int
    rating: Rating
    driver: str  # native, minor-compat, forward-compat, too-old, unverified; "" where not asked
    arch: str  # ok, ok-ptx, likely, no-kernel, unverified; "" where not asked
    requirement: str  # NVIDIA_REQUIRE_*: pass, fail, error; "" where not asked
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Verdict:
    """How an image and a machine get on: the best of its GPUs, and what holds for all."""

    rating: Rating
    gpus: tuple[GpuVerdict, ...]
    reasons: tuple[Reason, ...]


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as the command line and the REST interface write it."""
    return {
        "verdict": verdict.rating.value,
        "gpus": [
            {
                "index": gpu.index,
                "verdict": gpu.rating.value,
                "driver": gpu.driver,
                "arch": gpu.arch,
                "requirement": gpu.requirement,
                "reasons": _reasons(gpu.reasons),
            }
            for gpu in verdict.gpus
        ],
        "reasons": _reasons(verdict.reasons),
    }


def _reasons(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [
        {"code": reason.code, "message": reason.message, "evidence": reason.evidence}
        for reason in reasons
    ]
