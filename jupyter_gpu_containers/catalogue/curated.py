"""Reads the data of this package: curated.json and NVIDIA's support matrix, nvidia.json."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jupyter_gpu_containers.model.image.catalogue import (
    Entry,
    Evidence,
    KnownImage,
    Matrix,
    Release,
    familiar,
    nvidia_env,
)


@functools.cache
def curated_entries() -> tuple[Entry, ...]:
    """Return the entries that come with this package, in the order in which they are shown."""
    return tuple(_entry(row) for row in _document("curated.json")["entries"])


@functools.cache
def nvidia_matrix() -> Matrix:
    """Return what NVIDIA tells of its images."""
    document = _document("nvidia.json")
    return Matrix(
        repositories=document["repositories"],
        releases={name: _release(name, row) for name, row in document["releases"].items()},
        images={
            familiar(reference): _matrix_image(reference, row)
            for reference, row in document["images"].items()
        },
    )


def _document(name: str) -> dict[str, Any]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _entry(row: Mapping[str, Any]) -> Entry:
    images = [{"reference": image} if isinstance(image, str) else image for image in row["images"]]
    tags = tuple(familiar(image["reference"]) for image in images)
    return Entry(
        name=row["name"],
        title=row["title"],
        reference=tags[0],
        description=row["description"],
        link=row["link"],
        licence=row["licence"],
        framework=row["framework"],
        vendor=row["vendor"],
        tags=tags,
        known=tuple(_known(image) for image in images if "evidence" in image),
    )


def _known(row: Mapping[str, Any]) -> KnownImage:
    return KnownImage(
        familiar(row["reference"]),
        _evidence(row)[0],
        env=row.get("env", {}),
        env_by_architecture=row.get("env_by_architecture", {}),
        python=row.get("python"),
        size=row.get("size"),
    )


def _release(name: str, row: Mapping[str, Any]) -> Release:
    return Release(
        name=name,
        cuda=row["cuda"],
        driver=row.get("driver"),
        python=row.get("python"),
        frameworks=row.get("frameworks", {}),
        min_capability=_capability(row),
        evidence=_evidence(row),
    )


def _matrix_image(reference: str, row: Mapping[str, Any]) -> KnownImage:
    return KnownImage(
        familiar(reference),
        _evidence(row)[0],
        env=nvidia_env(row["cuda"], row.get("driver"), row.get("frameworks", {})),
        python=row.get("python"),
        size=row.get("size"),
        min_capability=_capability(row),
    )


def _evidence(row: Mapping[str, Any]) -> tuple[Evidence, ...]:
    return tuple(Evidence(word) for word in row["evidence"])


def _capability(row: Mapping[str, Any]) -> tuple[int, int] | None:
    if "min_capability" not in row:
        return None
    major, _, minor = row["min_capability"].partition(".")
    return int(major), int(minor)
