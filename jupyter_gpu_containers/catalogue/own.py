"""Entries that an administrator adds, checked as what a person wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.catalogue import Entry
from jupyter_gpu_containers.model.image.image import ImageReference

_TEXTS = ("title", "description", "link", "licence", "framework", "vendor")
_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)
SETTING = "GpuContainers.catalogue_entries"


def own_entries(rows: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Return the entries of a configuration.

    Parameters
    ----------
    rows : iterable of mapping
        Each with ``name`` and ``reference``; ``title``, ``description``, ``link``, ``licence``,
        ``framework``, ``vendor``, and ``tags`` (further references) as wanted.

    Raises
    ------
    InvalidRequestError
        With the number of the entry and what is wrong.
    """
    entries = tuple(_entry(row, f"{SETTING}[{i}]") for i, row in enumerate(rows))
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequestError(f"{SETTING} has two entries of the name “{name}”.")
    return entries


def _entry(row: Mapping[str, Any], where: str) -> Entry:
    unknown = sorted(set(row) - {"name", "reference", "tags", *_TEXTS})
    if unknown:
        raise InvalidRequestError(
            f"{where} has the unknown key “{str(unknown[0])[:40]}”.",
            f"Keys are: {', '.join(('name', 'reference', 'tags', *_TEXTS))}.",
        )
    name = _text(row, "name", where)
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{where}: “{name[:40]}” cannot be the name of an entry.",
            "Use small letters a-z, digits, and . _ - between them.",
        )
    reference = ImageReference.parse(_text(row, "reference", where)).familiar
    texts = {key: _text(row, key, where) for key in _TEXTS if row.get(key) is not None}
    link = texts.get("link", "")
    if link and not link.startswith(("https://", "http://")):
        raise InvalidRequestError(f"{where}: “{link[:40]}” is not a link.", "Begin with https://")
    return Entry(
        name=name,
        title=texts.get("title") or reference,
        reference=reference,
        description=texts.get("description", ""),
        link=link,
        licence=texts.get("licence", ""),
        framework=texts.get("framework"),
        vendor=texts.get("vendor", ""),
        tags=tuple(dict.fromkeys([reference, *_tags(row, where)])),
    )


def _tags(row: Mapping[str, Any], where: str) -> list[str]:
    tags = row.get("tags") or []
    if not isinstance(tags, (list, tuple)) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidRequestError(f"{where}: tags must be a list of image references.")
    return [ImageReference.parse(tag).familiar for tag in tags]


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{where} has no {key}.", f'Write it as "{key}": "…".')
    return value
