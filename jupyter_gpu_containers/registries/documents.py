"""Reads what registries send: indexes, manifests, configurations (OCI and Docker). Pure.

Registries send what anybody uploaded: nothing is taken for granted, and what cannot be used is a
`RegistryError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from jupyter_gpu_containers.errors import RegistryError
from jupyter_gpu_containers.model.image.image import ImageConfig
from jupyter_gpu_containers.model.image.registry import Layer, Platform

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*INDEXES, *MANIFESTS))

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-]\d\d:\d\d))", re.ASCII | re.IGNORECASE
)
_MOST_LAYERS = 1000
_MOST_CHILDREN = 1000


@dataclass(frozen=True)
class Child:
    """An image of an index."""

    digest: str
    platform: Platform


@dataclass(frozen=True)
class Manifest:
    """What an image consists of."""

    config: str  # digest
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class ConfigFile:
    """What an image says of itself."""

    config: ImageConfig
    platform: Platform
    created: float
    diff_ids: tuple[str, ...]


def is_index(document: Mapping[str, Any], media_type: str) -> bool:
    """Tell an index from a manifest; Docker's own say their type only in the header."""
    declared = document.get("mediaType") or media_type.partition(";")[0].strip()
    return declared in INDEXES or (declared not in MANIFESTS and "manifests" in document)


def parse_json(data: bytes, what: str) -> Mapping[str, Any]:
    """Parse an object of JSON."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, Mapping):
        raise unusable(what)
    return document


def parse_index(document: Mapping[str, Any], what: str) -> tuple[Child, ...]:
    """Return the images of an index; attestations (unknown/unknown) are no images."""
    found = []
    for row in _rows(document.get("manifests"), _MOST_CHILDREN, what):
        platform = row.get("platform")
        platform = platform if isinstance(platform, Mapping) else {}
        notes = row.get("annotations")
        if isinstance(notes, Mapping) and "vnd.docker.reference.type" in notes:
            continue
        system = _text(platform.get("os")) or "linux"
        architecture = _text(platform.get("architecture"))
        if "unknown" in (system, architecture):
            continue
        variant = _text(platform.get("variant"))
        found.append(Child(_digest(row, what), Platform(system, architecture, variant)))
    return tuple(found)


def choose(children: Sequence[Child], architecture: str) -> Child | None:
    """Return the image for linux and an architecture; the plainest variant where several are."""
    if len(children) == 1 and not children[0].platform.architecture:
        return children[0]  # an index that does not tell platforms
    able = [
        child
        for child in children
        if (child.platform.os, child.platform.architecture) == ("linux", architecture)
    ]
    # Go's meanings: no variant is v1 of amd64, v8 of arm64, v7 of arm
    order = {"": 0, "v8": 1, "v7": 1, "v1": 1}
    return min(able, key=lambda child: order.get(child.platform.variant, 2), default=None)


def parse_manifest(document: Mapping[str, Any], what: str) -> Manifest:
    """Return configuration and layers of an image."""
    if document.get("schemaVersion") == 1:
        raise RegistryError(
            f"{what} is stored in Docker's format of before 2017, which engines read no more.",
            "Choose a newer tag.",
        )
    config = document.get("config")
    if not isinstance(config, Mapping):
        raise unusable(what)
    kind = _text(config.get("mediaType"))
    if "container.image" not in kind and "oci.image.config" not in kind:
        raise RegistryError(
            f"{what} is no image but something else that is kept in registries ({kind[:80]}).",
            "Choose another tag.",
        )
    layers = tuple(
        Layer(_digest(row, what), _size(row, what))
        for row in _rows(document.get("layers"), _MOST_LAYERS, what)
    )
    return Manifest(_digest(config, what), layers)


def parse_config(document: Mapping[str, Any], what: str) -> ConfigFile:
    """Return what an image's configuration says."""
    config = document.get("config")
    config = config if isinstance(config, Mapping) else {}
    labels = config.get("Labels")
    labels = labels if isinstance(labels, Mapping) else {}
    rootfs = document.get("rootfs")
    rootfs = rootfs if isinstance(rootfs, Mapping) else {}
    diff_ids = rootfs.get("diff_ids")
    if not isinstance(diff_ids, list):
        diff_ids = []
    pairs = config.get("Env")
    return ConfigFile(
        config=ImageConfig(
            env=_environment(pairs if isinstance(pairs, list) else []),
            labels={str(key): str(value) for key, value in labels.items()},
        ),
        platform=Platform(
            _text(document.get("os")) or "linux",
            _text(document.get("architecture")),
            _text(document.get("variant")),
        ),
        created=seconds(_text(document.get("created"))),
        diff_ids=tuple(diff_id for diff_id in diff_ids if isinstance(diff_id, str)),
    )


def with_diff_ids(layers: Sequence[Layer], diff_ids: Sequence[str]) -> tuple[Layer, ...]:
    """Return layers with the names that engines know them by; as they are where it is unclear."""
    if len(layers) != len(diff_ids):
        return tuple(layers)
    pairs = zip(layers, diff_ids, strict=True)
    return tuple(Layer(layer.digest, layer.size, diff_id) for layer, diff_id in pairs)


def seconds(text: str) -> float:
    """Return seconds since the epoch of an RFC 3339 time; 0 for none, and for Go's zero time."""
    match = _TIME.fullmatch(text)
    if match is None or match[1].startswith("0001"):
        return 0.0
    try:
        whole = datetime.fromisoformat(match[1] + (match[3] or "+00:00"))
        return whole.astimezone(timezone.utc).timestamp() + float(match[2] or 0)
    except (ValueError, OverflowError):
        return 0.0


def unusable(what: str) -> RegistryError:
    """Return the error for what is not as the specifications say."""
    return RegistryError(
        f"What the registry says of {what} cannot be used: it is not as the OCI specification has "
        "it.",
        "Choose another tag, or ask who made it.",
    )


def _environment(pairs: Iterable[object]) -> dict[str, str]:
    split = (pair.partition("=") for pair in pairs if isinstance(pair, str))
    return {key: value for key, _, value in split}


def _rows(value: object, most: int, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or len(value) > most:
        raise unusable(what)
    if not all(isinstance(row, Mapping) for row in value):
        raise unusable(what)
    return value


def _digest(row: Mapping[str, Any], what: str) -> str:
    digest = row.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise unusable(what)
    return digest


def _size(row: Mapping[str, Any], what: str) -> int:
    size = row.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise unusable(what)
    return size


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
