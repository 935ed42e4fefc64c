"""An image as a JSON document: an OCI image configuration, or ``docker image inspect``."""

from __future__ import annotations

from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.fitness.host_document import go_architecture
from jupyter_gpu_containers.model.fitness.verdict import ImageClaims

from .image import ImageConfig

_HINT = (
    "Give an OCI image configuration (`crane config REF`, `skopeo inspect --config docker://REF`) "
    "or what `docker image inspect REF` prints."
)


def parse_image_config(document: Any) -> ImageClaims:
    """Read what an image claims.

    Parameters
    ----------
    document : Any
        Parsed JSON: a configuration (``config``, ``architecture``), an image as the engine shows
        it (``Config``, ``Architecture``, ``RepoTags``), or a list of one such.

    Raises
    ------
    InvalidRequestError
        It is neither.
    """
    if isinstance(document, list):
        if len(document) != 1:
            raise _refuse(f"it is a list of {len(document)}, and one image is judged at a time")
        document = document[0]
    if not isinstance(document, dict):
        raise _refuse("it is not an object")
    inspected = "Config" in document or "RepoTags" in document
    if not inspected and "config" not in document and "architecture" not in document:
        raise _refuse("it has neither “config” nor “Config”")
    config = document.get("Config" if inspected else "config") or {}
    if not isinstance(config, dict):
        raise _refuse("its configuration is not an object")
    architecture = document.get("Architecture" if inspected else "architecture")
    if architecture is not None and not isinstance(architecture, str):
        raise _refuse(f"its architecture cannot be {architecture!r}")
    tags = document.get("RepoTags") or [""]
    if not isinstance(tags, list) or not isinstance(tags[0], str):
        raise _refuse("its RepoTags are not a list of names")
    return ImageClaims(
        reference=tags[0],
        config=ImageConfig(env=_env(config.get("Env")), labels=_labels(config.get("Labels"))),
        architecture=go_architecture(architecture) if architecture else None,
    )


def _env(variables: Any) -> dict[str, str]:
    variables = variables or []
    if not isinstance(variables, list) or not all(isinstance(v, str) for v in variables):
        raise _refuse("its Env is not a list of NAME=VALUE")
    parts = (variable.partition("=") for variable in variables)
    return {name: value for name, _, value in parts}


def _labels(labels: Any) -> dict[str, str]:
    labels = labels or {}
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise _refuse("its Labels are not texts by name")
    return dict(labels)


def _refuse(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The image cannot be understood: {what}.", _HINT)
