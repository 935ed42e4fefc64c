"""What can be told of one image, wherever it is."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_gpu_containers.model.fitness.verdict import Verdict

from .catalogue import Entry
from .image import Image
from .registry import RemoteImage


@dataclass(frozen=True)
class ImageDetails:
    """An image on the engine, else one in a registry: exactly one of both is there."""

    reference: str  # as it was asked for
    verdict: Verdict
    image: Image | None = None
    remote: RemoteImage | None = None
    download: int | None = None  # bytes still to fetch; 0 when it is on the engine
    fetch_seconds: int | None = None  # that this should take; None = nobody can tell

    @property
    def digest(self) -> str | None:
        """What the reference names in its registry, ``sha256:…``: for ever the same content."""
        if self.image is not None:
            return self.image.digest_as(self.reference)
        return self.remote.digest if self.remote is not None else None

    @property
    def on_engine(self) -> bool:
        """Whether a kernel could start in it without fetching anything."""
        return self.image is not None


@dataclass(frozen=True)
class CatalogueRow:
    """An entry of the catalogue, as it is on this machine."""

    entry: Entry
    verdict: Verdict | None  # of the entry's reference; None = too little is known
    on_engine: bool
    download: int | None  # bytes; 0 when it is on the engine; None = not known
    cuda: str | None = None  # toolkit version, where known
    python: str | None = None
    fetch_seconds: int | None = None  # that the download should take; None = nobody can tell
    runs_here: str | None = None  # the newest of the entry's tags that this machine can run
