"""Patterns of image references, by which an administrator allows and denies images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from jupyter_gpu_containers.errors import InvalidImageReferenceError, InvalidRequestError

from .image import DEFAULT_REGISTRY, Image, ImageReference
from .registry_host import host_of_key

_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}", re.ASCII)
LONGEST = 4096  # characters


@dataclass(frozen=True)
class ImagePattern:
    """A pattern on the canonical form of references: ``registry/repository:tag``.

    ``*`` stands for any characters, ``?`` for one. The registry is compared by itself, so that no
    pattern of a registry matches something in a path. Without a tag every tag matches; with a
    digest, ``repository@sha256:…``, that content alone.
    """

    text: str  # as it was written
    registry: str
    name: str  # repository, with ":tag" where a tag is given
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImagePattern:
        """Read what an administrator wrote: ``nvcr.io/nvidia/*``, ``pytorch/pytorch:2.*``.

        As in the names of images, what names no registry is Docker Hub's.

        Raises
        ------
        InvalidRequestError
            Nothing could match it.
        """
        text = text.strip()
        bare, at, digest = text.partition("@")
        if not bare or len(text) > LONGEST or not text.isprintable() or " " in text:
            raise _unusable(text)
        if at and not _DIGEST.fullmatch(digest):
            raise _unusable(text)
        if bare == "*":
            return cls(text, "*", "*", digest or None)
        first, slash, rest = bare.partition("/")
        if not slash or not _is_host(first):
            first, rest = DEFAULT_REGISTRY, bare if slash else f"library/{bare}"
        elif "*" not in bare and "?" not in bare:
            try:
                first, rest = _canonical(bare)
            except InvalidImageReferenceError:
                raise _unusable(text) from None
        if not rest or rest.startswith("/") or not first:
            raise _unusable(text)
        return cls(text, registry_name(first), rest.removesuffix(":*"), digest or None)

    def matches(self, reference: ImageReference) -> bool:
        """Tell whether it means this reference."""
        if not glob(self.registry).fullmatch(registry_name(reference.registry)):
            return False
        name = reference.repository
        if self.digest is not None:
            return self.digest == reference.digest and bool(self._name.fullmatch(name))
        if self._has_tag:
            name = f"{name}:{reference.tag or ''}"
        return bool(self._name.fullmatch(name))

    @cached_property
    def _name(self) -> re.Pattern[str]:
        return glob(self.name.rpartition(":")[0] if self.digest and self._has_tag else self.name)

    @property
    def _has_tag(self) -> bool:
        return ":" in self.name.rpartition("/")[2]


def glob(pattern: str) -> re.Pattern[str]:
    """Compile ``*`` and ``?``; every other character is itself."""
    text = re.sub(r"\*+", "*", pattern)
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def registry_name(host: str) -> str:
    """Return the one name of a registry: in small letters, Docker Hub by its best known."""
    host = host_of_key(host)
    return host_of_key(host.removesuffix(":443"))


def names_of(image: Image) -> tuple[ImageReference, ...]:
    """Return all names that an engine knows an image by; those with a digest it did not invent."""
    return tuple(_parsed((*image.references, *image.repo_digests)))


def _parsed(texts: Iterable[str]) -> Iterable[ImageReference]:
    for text in texts:
        try:
            yield ImageReference.parse(text)
        except InvalidImageReferenceError:  # "<none>", or what no reference can be
            continue


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost" or not text.strip("*")


def _canonical(text: str) -> tuple[str, str]:
    """Return registry and name of a reference without wildcards, without a tag that nobody gave."""
    reference = ImageReference.parse(text)
    given = ":" in text.rpartition("/")[2]
    return reference.registry, reference.repository + (f":{reference.tag}" if given else "")


def _unusable(text: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"“{text[:100]}” is not a pattern of images.",
        "Write it like a reference with * in it, such as nvcr.io/nvidia/* or pytorch/pytorch:2.*, "
        "or as repository@sha256:…",
        code="policy_invalid",
    )
