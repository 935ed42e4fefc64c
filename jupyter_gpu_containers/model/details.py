"""What can be told of one image, wherever it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .catalogue import Entry
from .image import Image
from .registry import RemoteImage
from .verdict import Verdict


@dataclass(frozen=True)
class ImageDetails:
    """An image on the engine, else one in a registry: exactly one of both is there."""

    reference: str  # as it was asked for
    verdict: Verdict
    image: Image | None = None
    remote: RemoteImage | None = None
    download: int | None = None  # bytes still to fetch; 0 when it is on the engine

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
    runs_here: str | None = None  # the newest of the entry's tags that this machine can run


def bytes_to_fetch(remote: RemoteImage, present: Iterable[Sequence[str]]) -> int:
    """Return the bytes of the layers that an engine would fetch.

    Parameters
    ----------
    remote : RemoteImage
    present : iterable of sequence of str
        Of each image on the engine the diff ids, lowest first (`Image.layers`).

    Notes
    -----
    An engine knows a layer by itself and all those below it, so an image shares with another the
    layers from the lowest up to the first that differs, and nothing above. An upper bound: an
    engine that keeps compressed layers by their digest may need less.
    """
    wanted = [layer.diff_id for layer in remote.layers]
    shared = 0
    for layers in present:
        same = 0
        for mine, theirs in zip(wanted, layers, strict=False):
            if not mine or mine != theirs:
                break
            same += 1
        shared = max(shared, same)
    return sum(layer.size for layer in remote.layers[shared:])
