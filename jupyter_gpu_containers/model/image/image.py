"""Container images: references (OCI distribution grammar), and what an image says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jupyter_gpu_containers.errors import InvalidImageReferenceError

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"

# Grammar of github.com/distribution/reference, anchored by fullmatch.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = (
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
    r"(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_REFERENCE = re.compile(
    rf"(?:(?P<registry>{_REGISTRY})/)?(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_ID = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PYTHON_3 = re.compile(r"3\.(\d{1,2})(?!\d)", re.ASCII)


def is_image_id(text: str) -> bool:
    """Tell whether the text is an engine's image id, ``sha256:`` and 64 hexadecimal digits."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class ImageReference:
    """``registry/repository:tag@digest`` as in ``distribution/reference``.

    ``ImageReference.parse(str(r)) == r`` for every reference.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Parse and normalise: ``ubuntu`` becomes ``docker.io/library/ubuntu:latest``.

        Raises
        ------
        InvalidImageReferenceError
            The text does not follow the grammar.
        """
        match = _REFERENCE.fullmatch(text) if len(text) <= 4096 else None
        if match is None or is_image_id(text):
            raise InvalidImageReferenceError(
                f"“{text[:80]}” is not an image reference.",
                "Write it as [registry/]repository[:tag], for example "
                "nvcr.io/nvidia/pytorch:25.08-py3.",
            )
        registry, repository = match["registry"], match["repository"]
        if registry is not None and not (
            "." in registry
            or ":" in registry
            or registry == "localhost"
            or registry.lower() != registry
        ):
            registry, repository = None, f"{registry}/{repository}"
        if registry in (None, "index.docker.io"):
            registry = DEFAULT_REGISTRY
        if registry == DEFAULT_REGISTRY and "/" not in repository:
            repository = f"library/{repository}"
        tag = match["tag"] or (None if match["digest"] else DEFAULT_TAG)
        return cls(registry, repository, tag, match["digest"])

    @classmethod
    def parse_name(cls, text: str) -> ImageReference:
        """Parse a reference that an image is to be named or pushed by: no digest can be given.

        Raises
        ------
        InvalidImageReferenceError
        """
        name = cls.parse(text)
        if name.digest is not None:
            raise InvalidImageReferenceError(
                f"“{text[:80]}” names a digest, which cannot be given to an image.",
                "Write it as [registry/]repository[:tag].",
            )
        return name

    @property
    def familiar(self) -> str:
        """The short form that Docker prints: without ``docker.io/library/``."""
        name = f"{self.registry}/{self.repository}"
        name = name.removeprefix(f"{DEFAULT_REGISTRY}/library/")
        name = name.removeprefix(f"{DEFAULT_REGISTRY}/")
        return name + self._suffix()

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}{self._suffix()}"


@dataclass(frozen=True)
class Framework:
    """A deep-learning framework and its version, where known."""

    name: str  # "PyTorch"
    version: str | None = None  # "2.6.0", or NVIDIA's release "25.08"


@dataclass(frozen=True)
class ImageKernel:
    """A kernelspec found inside an image.

    ``argv`` is the command inside the container, with ``{connection_file}`` in it.
    """

    name: str
    display_name: str
    language: str
    argv: tuple[str, ...]
    debugger: bool = False
    interrupt_mode: str = "signal"  # or "message": SIGINT would end the kernel (those on a JVM)
    runtime: str | None = None  # `RuntimeTag` of what must be carried in; None = all is inside


@dataclass(frozen=True)
class ImagePython:
    """A Python found inside an image."""

    version: str  # "3.11.2"
    executable: str
    ipykernel: bool = False  # it can be a kernel by itself
    runtime: str | None = None  # `RuntimeTag` of what fits it; None = nothing does


@dataclass(frozen=True)
class ImageProbe:
    """What one look inside an image found; a fact about its id for ever."""

    python: str | None = None  # "3.11.2", the one that people mean
    kernels: tuple[ImageKernel, ...] = ()
    pythons: tuple[ImagePython, ...] = ()

    def minor_of(self, executable: str) -> int | None:
        """Return 11 for a Python 3.11, by its path, else for the one that people mean.

        >>> probe = ImageProbe("3.11.2", pythons=(ImagePython("3.9.1", "/opt/bin/python"),))
        >>> probe.minor_of("/opt/bin/python"), probe.minor_of("python3")
        (9, 11)
        >>> ImageProbe().minor_of("/usr/bin/R")
        """
        found = (each.version for each in self.pythons if each.executable == executable)
        match = _PYTHON_3.match(next(found, self.python or ""))
        return int(match[1]) if match else None


@dataclass(frozen=True)
class ImageConfig:
    """The part of the OCI image configuration that tells what an image is."""

    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image on the engine."""

    id: str  # "sha256:…"
    references: tuple[str, ...] = ()  # familiar names, "pytorch/pytorch:2.6.0-cuda12.4"
    repo_digests: tuple[str, ...] = ()  # "repository@sha256:…"
    size: int = 0  # bytes on disk
    created: float = 0.0  # seconds since the epoch
    labels: dict[str, str] = field(default_factory=dict)
    architecture: str | None = None  # Go's name, "amd64"; None = not looked up
    config: ImageConfig | None = None  # None = not looked up
    probe: ImageProbe | None = None  # None = not looked inside
    layers: tuple[str, ...] = ()  # diff ids, lowest first; () = not looked up

    @property
    def name(self) -> str:
        """The best name for people: the first reference, else the short id."""
        return self.references[0] if self.references else self.id[7:19]

    def digest_as(self, reference: str) -> str | None:
        """Return the digest that this image has in the repository that a reference names.

        The engine knows it of what it has pulled or pushed; None where it does not, as for an image
        that was built here, and for an image id.

        Parameters
        ----------
        reference : str
            With or without a tag, ``nvcr.io/nvidia/pytorch:25.08-py3``.
        """
        return digest_as(reference, self.repo_digests)

    def with_probe(self, probe: ImageProbe) -> Image:
        """Return this image with what a look inside found."""
        return replace(self, probe=probe)


def digest_as(reference: str, repo_digests: Iterable[str]) -> str | None:
    """Return which of these digests is of the repository that a reference names; None: of none."""
    try:
        wanted = ImageReference.parse(reference)
    except InvalidImageReferenceError:
        return None
    for text in repo_digests:
        try:
            known = ImageReference.parse(text)
        except InvalidImageReferenceError:  # "<none>@sha256:…" of a repository that is gone
            continue
        if (known.registry, known.repository) != (wanted.registry, wanted.repository):
            continue
        if wanted.digest in (None, known.digest):
            return known.digest
    return None
