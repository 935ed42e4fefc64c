"""Images in registries and the catalogue as openapi.yaml's JSON; pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.details import CatalogueRow, ImageDetails
from jupyter_gpu_containers.model.image.image import Image, ImageReference
from jupyter_gpu_containers.model.image.registry import RemoteImage, SearchResult

from .serializers import image_model, verdict_model

Json = dict[str, Any]


def details_model(details: ImageDetails, problem_of: Callable[[Image], Problem | None]) -> Json:
    """Schema ``ImageDetails``; ``problem_of`` tells why an image cannot be started here."""
    verdict = verdict_model(details.verdict)
    if details.image is not None:
        model = image_model(details.image, problem_of(details.image), verdict)
    else:
        assert details.remote is not None  # one of the two told of it
        remote_image = _as_image(details.remote)
        told = image_model(remote_image, problem_of(remote_image), verdict)
        model = {**told, "references": [], "digests": [], "size": None}
    remote = details.remote
    return {
        **model,
        "reference": details.reference,
        "on_engine": details.on_engine,
        "download": details.download,
        "digest": details.digest,
        "fetch_seconds": details.fetch_seconds,
        "platforms": [str(platform) for platform in remote.platforms] if remote else [],
    }


def _as_image(remote: RemoteImage) -> Image:
    """Return what the engine would say of it, as far as the registry tells."""
    return Image(
        id=remote.id,
        references=(ImageReference.parse(remote.reference).familiar,),  # its tag may tell more
        created=remote.created,
        architecture=remote.architecture,
        config=remote.config,
    )


def catalogue_model(row: CatalogueRow) -> Json:
    """Schema ``CatalogueEntry``."""
    entry = row.entry
    return {
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "reference": entry.reference,
        "link": entry.link,
        "licence": entry.licence,
        "framework": entry.framework,
        "vendor": entry.vendor,
        "verdict": verdict_model(row.verdict),
        "on_engine": row.on_engine,
        "download": row.download,
        "fetch_seconds": row.fetch_seconds,
        "tags": list(entry.tags),
        "cuda": row.cuda,
        "python": row.python,
        "runs_here": row.runs_here,
    }


def result_model(result: SearchResult) -> Json:
    """Schema ``SearchResult``."""
    return {
        "name": result.name,
        "description": result.description,
        "stars": result.stars,
        "official": result.official,
    }
