"""The words of a verdict: a rating, and the reasons that it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Rating(str, Enum):
    """Whether an image runs on a machine, or on one of its GPUs."""

    COMPATIBLE = "compatible"  # everything that decides is known, and fits
    LIKELY = "likely"  # nothing speaks against it, but something that decides is not told
    UNVERIFIED = "unverified"  # too little is known to say
    INCOMPATIBLE = "incompatible"  # something that decides does not fit
    GPU_BROKEN = "gpu-broken"  # the GPU is the problem, whatever the image is
    CPU = "cpu"  # the image wants no GPU


_ORDER = {
    Rating.CPU: 0,
    Rating.COMPATIBLE: 0,
    Rating.LIKELY: 1,
    Rating.UNVERIFIED: 2,
    Rating.INCOMPATIBLE: 3,
    Rating.GPU_BROKEN: 4,
}


def severity(rating: Rating) -> int:
    """Return how bad a rating is, for sorting."""
    return _ORDER[rating]


def best(ratings: Iterable[Rating]) -> Rating:
    """Return the best of some ratings: of GPUs, one that fits is enough for a launch."""
    return min(ratings, key=severity)


def worst(ratings: Iterable[Rating]) -> Rating:
    """Return the worst of some ratings: each is a condition."""
    return max(ratings, key=severity)


class Severity(str, Enum):
    """What a reason does to its verdict."""

    INFO = "info"  # nothing: worth knowing
    OK = "ok"  # speaks for it
    WARNING = "warning"  # keeps it from being certain
    PROBLEM = "problem"  # speaks against it


_SEVERITIES = {
    Rating.CPU: Severity.INFO,
    Rating.COMPATIBLE: Severity.OK,
    Rating.LIKELY: Severity.WARNING,
    Rating.UNVERIFIED: Severity.WARNING,
    Rating.INCOMPATIBLE: Severity.PROBLEM,
    Rating.GPU_BROKEN: Severity.PROBLEM,
}


class Reason(NamedTuple):  # this and the next are made by the thousand; dataclasses take longer
    """Why a verdict is what it is."""

    code: str  # "driver_too_old"
    message: str  # a sentence with the numbers
    evidence: str  # what it was read from: "CUDA_VERSION=12.8.1", "tag", "support matrix"
    severity: Severity = Severity.INFO


class Fit(NamedTuple):
    """The answer to one of the questions about an image and a GPU."""

    state: str
    rating: Rating
    reason: Reason | None = None


def answer(state: str, rating: Rating, code: str, message: str, evidence: str) -> Fit:
    """Return an answer with its reason, which weighs as the rating does."""
    return Fit(state, rating, Reason(code, message, evidence, _SEVERITIES[rating]))
