"""What a registry tells of a repository and of an image, before a layer is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .image import ImageConfig


@dataclass(frozen=True)
class Platform:
    """A platform of a multi-platform index (OCI image index, Docker manifest list)."""

    os: str  # Go's names: "linux"
    architecture: str  # "amd64"
    variant: str = ""  # "v8"

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Layer:
    """A layer as the manifest names it, with the identity that engines keep of it."""

    digest: str  # of the compressed blob
    size: int  # bytes to fetch
    diff_id: str = ""  # digest of the uncompressed layer (``rootfs.diff_ids``); "" where not told


@dataclass(frozen=True)
class RemoteImage:
    """An image in a registry: its manifest for one platform, and its configuration."""

    reference: str  # normalised, as it was asked for
    digest: str  # of what the reference names, index or manifest: the repo digest
    id: str  # digest of the configuration
    config: ImageConfig
    layers: tuple[Layer, ...]
    architecture: str  # of this manifest
    platforms: tuple[Platform, ...] = ()  # all that the index offers; () without an index
    created: float = 0.0  # seconds since the epoch

    @property
    def size(self) -> int:
        """Bytes of all its layers as they are fetched, compressed."""
        return sum(layer.size for layer in self.layers)

    def shared(self, present: Iterable[Sequence[str]]) -> int:
        """Return how many of the lowest layers images with these diff ids have, too.

        Parameters
        ----------
        present : iterable of sequence of str
            Of each image on the engine the diff ids, lowest first (`Image.layers`). An engine knows
            a layer by itself and all those below it: what lies above a difference is not shared.
        """
        longest = 0
        for diff_ids in present:
            pairs = zip(self.layers, diff_ids, strict=False)
            same = takewhile(lambda pair: pair[0].diff_id and pair[0].diff_id == pair[1], pairs)
            longest = max(longest, sum(1 for _ in same))
        return longest

    def missing(self, present: Iterable[Sequence[str]]) -> int:
        """Return the compressed bytes of the layers that `shared` does not count.

        An upper bound: an engine that keeps compressed layers by their digest may need less.
        """
        return sum(layer.size for layer in self.layers[self.shared(present) :])


@dataclass(frozen=True)
class TagPage:
    """Tags of a repository, newest version first; registries tell no dates."""

    repository: str  # "nvcr.io/nvidia/pytorch"
    tags: tuple[str, ...]
    total: int  # tags in the repository that match


@dataclass(frozen=True)
class SearchResult:
    """A repository that a search found."""

    name: str  # a reference without tag, "pytorch/pytorch"
    description: str = ""
    stars: int = 0
    official: bool = False


@dataclass(frozen=True)
class Credential:
    """A login. Never in logs, errors, argv or containers: ``repr`` hides the secret."""

    username: str
    secret: str

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, secret=***)"
