"""The order of tags: by version, newest first. Registries tell no dates. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(.*)", re.IGNORECASE | re.DOTALL | re.ASCII)
_BEFORE_RELEASE = re.compile(
    r"[._-]?(?:(rc|c|pre|preview)|(b|beta)|(a|alpha)|(dev|nightly|snapshot))(?![a-z])",
    re.IGNORECASE | re.ASCII,
)
_PART = re.compile(r"\d+|[a-z]+", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
# signatures, attestations and other things that tools put beside images under a tag
_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}(\.\w+)?", re.ASCII)


def newest_first(tags: Iterable[str]) -> list[str]:
    """Sort tags: ``latest``, versions from the newest on, then other names.

    >>> newest_first(["24.9-py3", "main", "24.10-py3", "latest", "24.10rc1"])
    ['latest', '24.10-py3', '24.10rc1', '24.9-py3', 'main']
    """
    return sorted(tags, key=_key)


def image_tags(tags: Iterable[object]) -> list[str]:
    """Return what can be the tag of an image: each once, unsorted."""
    found = dict.fromkeys(tag for tag in tags if isinstance(tag, str))
    return [tag for tag in found if _TAG.fullmatch(tag) and not _ATTACHED.fullmatch(tag)]


def matching(tags: Iterable[str], contains: str) -> list[str]:
    """Return the tags that contain every word, in any case."""
    words = contains.lower().split()
    return [tag for tag in tags if all(word in tag.lower() for word in words)]


_Key = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, str], ...], str]


def _key(tag: str) -> _Key:
    if tag == "latest":
        return (0, (), 0, (), tag)
    match = _VERSION.fullmatch(tag)
    if match is None:
        return (2, (), 0, _rest(tag), tag)
    # smaller is newer; the 1 at the end lets 2.6.1 and 2.6.0 come before 2.6
    release = (*(-int(number) for number in match[1].split(".")), 1)
    early = _BEFORE_RELEASE.match(match[2])
    return (1, release, (early.lastindex or 0) if early else 0, _rest(match[2]), tag)


def _rest(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return the key of what follows a release: words by the alphabet, numbers downwards."""
    parts = _PART.findall(text.lower())
    return tuple((1, -int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
