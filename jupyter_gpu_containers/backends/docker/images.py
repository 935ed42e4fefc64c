"""Requests to the engine that change which images it has; each blocks, in a worker thread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import docker.errors
from docker import auth

from jupyter_gpu_containers.errors import ImageInUseError
from jupyter_gpu_containers.model.image.image import ImageReference
from jupyter_gpu_containers.model.image.registry import Credential

from . import podman
from .client import EngineClient
from .facts import familiar
from .words import image_not_found

CONFLICT = 409  # HTTP status
TOKEN_USER = "<token>"  # what credential helpers call who logged in with a token
HUB_KEY = "https://index.docker.io/v1/"  # Docker Hub's address in logins


def auth_header(reference: str, credential: Credential | None) -> str:
    """Return ``X-Registry-Auth``: the login given, else that of Docker's own configuration.

    The configuration is read each time: docker-py keeps a login that was erased meanwhile.
    """
    registry = ImageReference.parse(reference).registry
    login: Mapping[str, Any] | None
    if credential is None:
        login = auth.load_config().resolve_authconfig(registry)
    else:
        address = HUB_KEY if registry == auth.INDEX_NAME else registry
        login = {"serveraddress": address, **_login(credential)}
    header: bytes = auth.encode_header(dict(login or {}))
    return header.decode("ascii")


def _login(credential: Credential) -> dict[str, str]:
    if credential.username == TOKEN_USER:
        return {"identitytoken": credential.secret}
    return {"username": credential.username, "password": credential.secret}


def tag(client: EngineClient, image: str, reference: str) -> None:
    """Give an image another name. Raises `ImageNotFoundError`, `InvalidImageReferenceError`."""
    name = ImageReference.parse_name(reference)
    try:
        client.tag(image, f"{name.registry}/{name.repository}", name.tag)
    except docker.errors.NotFound as exc:
        raise image_not_found(image) from exc


def remove(client: EngineClient, reference: str, force: bool) -> list[str]:
    """Untag or delete; return names, then ids, that went. Raises `ImageInUseError`."""
    if force and podman.is_podman(client):
        try:
            return remove(client, reference, False)
        except ImageInUseError:
            podman.check_unused(client, reference)
    try:
        rows = client.remove_image(reference, force=force)
    except docker.errors.NotFound as exc:
        raise image_not_found(reference) from exc
    except docker.errors.APIError as exc:
        if exc.status_code != CONFLICT:
            raise
        raise in_use(reference, str(exc.explanation or exc)) from exc
    untagged = [familiar(row["Untagged"]) for row in rows if row.get("Untagged")]
    return untagged + [str(row["Deleted"]) for row in rows if row.get("Deleted")]


def in_use(reference: str, said: str) -> ImageInUseError:
    """Return the error for an image that the engine does not remove, with its reason."""
    text = " ".join(said.split())
    if container := re.search(r"container ([0-9a-f]{12})", text):
        why = f"the {'running ' if 'running' in text else ''}container {container[1]} uses it"
        hint = "Remove the container first"
        if "cannot be forced" not in text:
            hint += ", or force the removal"
        return ImageInUseError(f"The image {reference} is not removed: {why}.", f"{hint}.")
    if "multiple repositories" in text:
        return ImageInUseError(
            f"The image {reference} is not removed: it has several names.",
            "Remove it by each of them, or force the removal.",
        )
    return ImageInUseError(
        f"The image {reference} is not removed: {text}.", "Remove first what needs it."
    )
