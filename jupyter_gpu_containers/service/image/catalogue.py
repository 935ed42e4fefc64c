"""The catalogue: curated images and the administrator's own, without those that are hidden."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from jupyter_gpu_containers.model.image.catalogue import (
    Entry,
    KnownImage,
    Matrix,
    known_image,
    known_images,
)

__all__ = ["Catalogue", "Entry"]


class Catalogue:
    """What is offered, and what is known of images without asking anybody.

    Parameters
    ----------
    curated : iterable of Entry
    matrix : Matrix, optional
        NVIDIA's support matrix.
    own : iterable of Entry, optional
        The administrator's, shown first. One takes the place of a curated entry of its name.
    hidden : collection of str, optional
        Names of curated entries to leave out; ``*`` and ``?`` stand for others.
    """

    def __init__(
        self,
        curated: Iterable[Entry],
        matrix: Matrix | None = None,
        *,
        own: Iterable[Entry] = (),
        hidden: Collection[str] = (),
    ) -> None:
        curated, own = tuple(curated), tuple(own)
        names = {entry.name for entry in own}
        self._matrix = matrix or Matrix()
        # a hidden entry is not offered; what is known of its images stays known
        self._known = known_images(curated)
        self._entries = own + tuple(
            entry
            for entry in curated
            if entry.name not in names
            and not any(fnmatchcase(entry.name, pattern) for pattern in hidden)
        )

    def entries(self) -> list[Entry]:
        """Return all entries, as they are to be shown."""
        return list(self._entries)

    def known(self, reference: str) -> KnownImage | None:
        """Return what is known of an image, None where nothing is."""
        return known_image(reference, self._known, self._matrix)
