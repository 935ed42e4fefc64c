"""Images worth knowing, and what is known of them without asking a registry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from jupyter_gpu_containers.errors import InvalidImageReferenceError
from jupyter_gpu_containers.model.fitness.host import Host
from jupyter_gpu_containers.model.fitness.rating import Rating, Reason, Severity
from jupyter_gpu_containers.model.fitness.verdict import GpuVerdict, ImageClaims, Verdict

from .image import ImageConfig, ImageReference

# NVIDIA's frameworks, by the words of nvidia.json, and the variables in which images name them.
_VARIABLES = {
    "pytorch": "PYTORCH_VERSION",
    "tensorflow": "TENSORFLOW_VERSION",
    "mxnet": "MXNET_VERSION",
    "vllm": "VLLM_VERSION",
}
_RELEASE = re.compile(r"(\d\d\.\d\d)(?:-.+)?", re.ASCII)
_EXACT_DRIVER = re.compile(r"\d+(?:\.\d+){1,2}", re.ASCII)


class Evidence(str, Enum):
    """Where a fact about an image comes from, the best first."""

    IMAGE_ENV = "image-env"  # read from the configuration of the image
    MATRIX = "matrix"  # its maker's support matrix
    DOCKERFILE = "dockerfile"  # the file that it is built from
    PUBLISHED_TABLE = "published-table"  # its maker's table for people
    RELEASE_NOTES = "release-notes"  # its maker's prose, which is often stale

    @property
    def words(self) -> str:
        """What a verdict is said to rest on."""
        return _EVIDENCE_WORDS[self]


_EVIDENCE_WORDS = {
    Evidence.IMAGE_ENV: "catalogue, as once read from the image",
    Evidence.MATRIX: "support matrix",
    Evidence.DOCKERFILE: "Dockerfile of the image",
    Evidence.PUBLISHED_TABLE: "published table of the images",
    Evidence.RELEASE_NOTES: "release notes",
}


@dataclass(frozen=True)
class KnownImage:
    """An image of which something is known beforehand; None and {} are "not known"."""

    reference: str  # Docker's short form
    evidence: Evidence
    env: Mapping[str, str] = field(default_factory=dict)
    env_by_architecture: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    python: str | None = None
    size: int | None = None  # bytes to fetch
    min_capability: tuple[int, int] | None = None  # the oldest GPUs that its maker supports

    def config(self, architecture: str | None) -> ImageConfig:
        """Return the image's configuration as far as it is known."""
        return ImageConfig(env={**self.env, **self.env_by_architecture.get(architecture or "", {})})

    def claims(self, architecture: str | None) -> ImageClaims:
        """Return what is to be judged; that the image exists for the architecture is not said."""
        return ImageClaims(
            self.reference,
            self.config(architecture),
            architecture=None,
            download=self.size,
            source=self.evidence.words,
        )


@dataclass(frozen=True)
class Entry:
    """An image, with its tags, that the catalogue offers."""

    name: str  # "ngc-pytorch"
    title: str
    reference: str  # the newest of its tags
    description: str = ""
    link: str = ""
    licence: str = ""
    framework: str | None = None
    vendor: str = ""
    tags: tuple[str, ...] = ()  # references, newest first, with the one above
    known: tuple[KnownImage, ...] = ()  # the tags of which something is known


@dataclass(frozen=True)
class Release:
    """A monthly release of NVIDIA's frameworks; a row of the support matrix."""

    name: str  # "25.08"
    cuda: str  # toolkit version
    driver: str | None = None  # bundled; what the image's entry point compares with
    python: str | None = None
    frameworks: Mapping[str, str] = field(default_factory=dict)  # "pytorch" -> version
    min_capability: tuple[int, int] | None = None
    evidence: tuple[Evidence, ...] = ()

    def image(self, reference: ImageReference, framework: str) -> KnownImage:
        """Return what this release says about one of its images."""
        # evidence from one image of a release is the matrix's word for its others
        told = [one for one in self.evidence if one is not Evidence.IMAGE_ENV]
        return KnownImage(
            reference.familiar,
            min(told, key=list(Evidence).index, default=Evidence.MATRIX),
            env={
                **nvidia_env(self.cuda, self.driver, self.frameworks),
                f"NVIDIA_{framework.upper()}_VERSION": self.name,
            },
            python=self.python,
            min_capability=self.min_capability,
        )


@dataclass(frozen=True)
class Matrix:
    """NVIDIA's support matrix: releases of frameworks, and images that follow no release."""

    repositories: Mapping[str, str] = field(default_factory=dict)  # "nvcr.io/nvidia/pytorch"
    releases: Mapping[str, Release] = field(default_factory=dict)
    images: Mapping[str, KnownImage] = field(default_factory=dict)  # by familiar reference

    def find(self, reference: ImageReference) -> KnownImage | None:
        """Return what the matrix says of an image, if anything.

        Images for Jetson (``-igpu``) hold other things than those of their release.
        """
        if found := self.images.get(reference.familiar):
            return found
        framework = self.repositories.get(f"{reference.registry}/{reference.repository}")
        match = _RELEASE.fullmatch(reference.tag or "")
        release = self.releases.get(match[1]) if match else None
        if framework is None or release is None or "igpu" in (reference.tag or ""):
            return None
        return release.image(reference, framework)


def nvidia_env(cuda: str, driver: str | None, frameworks: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an image of NVIDIA's frameworks has for these versions.

    They all say ``cuda>=9.0``, whatever they hold; without that word they would be taken for
    images of the time before ``NVIDIA_REQUIRE_CUDA``.
    """
    env = {
        "CUDA_VERSION": cuda,
        "NVIDIA_REQUIRE_CUDA": "cuda>=9.0",
        "NVIDIA_VISIBLE_DEVICES": "all",
    }
    if driver and _EXACT_DRIVER.fullmatch(driver):
        env["CUDA_DRIVER_VERSION"] = driver
    for framework, version in frameworks.items():
        if variable := _VARIABLES.get(framework):
            env[variable] = version
    return env


def known_images(entries: Iterable[Entry]) -> dict[str, KnownImage]:
    """Return what was read of single images, by familiar reference."""
    return {image.reference: image for entry in entries for image in entry.known}


def known_image(
    reference: str, curated: Mapping[str, KnownImage], matrix: Matrix
) -> KnownImage | None:
    """Return what is known of an image by `known_images` and the matrix; None where nothing is."""
    try:
        parsed = ImageReference.parse(reference)
    except InvalidImageReferenceError:
        return None
    known, told = curated.get(parsed.familiar), matrix.find(parsed)
    if known is None or told is None:
        return known or told
    return replace(  # the matrix knows what no image tells
        known,
        python=known.python or told.python,
        size=known.size or told.size,
        min_capability=known.min_capability or told.min_capability,
    )


def familiar(reference: str) -> str:
    """Return Docker's short form of a reference; what is none, as it is."""
    try:
        return ImageReference.parse(reference).familiar
    except InvalidImageReferenceError:  # "<none>:<none>" of a dangling image
        return reference


def with_evidence(verdict: Verdict, known: KnownImage, host: Host) -> Verdict:
    """Return a verdict on a known image as what it is: made without asking the registry.

    It says so, trusts nothing but an image's own words for "compatible", and heeds the oldest
    GPUs that the image's maker supports.
    """
    evidence = known.evidence
    said = Reason(
        "registry_not_asked",
        "This is judged by what the catalogue knows; the registry was not asked.",
        evidence.words,
        Severity.INFO if evidence is Evidence.IMAGE_ENV else Severity.WARNING,
    )
    capabilities = {gpu.index: gpu.compute_capability for gpu in host.gpus}
    gpus = tuple(_heed_minimum(gpu, capabilities.get(gpu.index), known) for gpu in verdict.gpus)
    rating, reasons = verdict.rating, verdict.reasons
    if gpus != verdict.gpus and all(gpu.rating in _NO for gpu in gpus):
        too_old = next(gpu for gpu, was in zip(gpus, verdict.gpus, strict=True) if gpu != was)
        rating, reasons = Rating.INCOMPATIBLE, (too_old.reasons[0], *reasons)
    elif rating is Rating.COMPATIBLE and evidence is not Evidence.IMAGE_ENV:
        rating = Rating.LIKELY
    return Verdict(rating, tuple(_trust(gpu, evidence) for gpu in gpus), (*reasons, said))


_NO = (Rating.INCOMPATIBLE, Rating.GPU_BROKEN)


def _heed_minimum(
    gpu: GpuVerdict, capability: tuple[int, int] | None, known: KnownImage
) -> GpuVerdict:
    minimum = known.min_capability
    if minimum is None or capability is None or capability >= minimum or gpu.rating in _NO:
        return gpu
    reason = Reason(
        "capability_not_supported",
        f"The image supports compute capability {minimum[0]}.{minimum[1]} and newer; "
        f"this GPU has {capability[0]}.{capability[1]}.",
        known.evidence.words,
        Severity.PROBLEM,
    )
    return replace(
        gpu, rating=Rating.INCOMPATIBLE, arch="no-kernel", reasons=(reason, *gpu.reasons)
    )


def _trust(gpu: GpuVerdict, evidence: Evidence) -> GpuVerdict:
    if gpu.rating is not Rating.COMPATIBLE or evidence is Evidence.IMAGE_ENV:
        return gpu
    return replace(gpu, rating=Rating.LIKELY)
