"""Why a pull or push failed, told apart by the words of engine and registry."""

from __future__ import annotations

import re

from jupyter_gpu_containers.errors import (
    DiskFullError,
    ForbiddenError,
    GpuContainersError,
    RateLimitedError,
    RegistryError,
    RegistryUnreachableError,
    TagUnknownError,
    UnauthorizedError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.image.image import ImageReference

from .words import image_not_found

_FULL = "Free some room: `docker image prune` removes images that nobody uses."
_ARCHITECTURE = "Choose another image or another tag."
_LIMITED = "The registry limits downloads: log in, which raises the limit, or try again later."
_PRIVATE = "It does not exist or is private: check the name, or log in with `docker login {host}`."
_NO_RIGHT = "{host} gives you no access to it: ask its owner, or log in as somebody else."
_AWAY = "The registry {host} cannot be reached from this machine: check the network and its proxy."
_UNKNOWN = "Check the name and the tag."
_DAMAGED = "The bytes that came are not the image's own: try again; if it stays, tell its owner."

_WRONG = (
    r"no matching manifest|no image found in (manifest list|image index)"
    r"|cannot be used on this platform|does not match the specified platform"
)
_NO_ROAD = (
    r"no such host|connection (refused|reset)|timeout|timed out|i/o|unreachable|\bEOF\b"
    r"|lookup|TLS|x509|certificate|HTTPS client|dial tcp|request canceled|broken pipe"
)
# The first that matches counts.
_KINDS: tuple[tuple[str, type[GpuContainersError], str], ...] = (
    (r"no space left|disk quota exceeded", DiskFullError, _FULL),
    (_WRONG, WrongArchitectureError, _ARCHITECTURE),
    (r"toomanyrequests|too many requests|rate limit|\b429\b", RateLimitedError, _LIMITED),
    (
        r"verification failed|digest mismatch|unexpected (commit )?digest|failed size validation",
        RegistryError,
        _DAMAGED,
    ),
    (
        r"unauthori[sz]ed|authentication required|no basic auth|incorrect username|\b401\b",
        UnauthorizedError,
        _PRIVATE,
    ),
    (r"forbidden|\b403\b", ForbiddenError, _NO_RIGHT),
    (r"denied", UnauthorizedError, _PRIVATE),  # ForbiddenError where a login was shown
    (_NO_ROAD, RegistryUnreachableError, _AWAY),
    (r"not found|(manifest|name) unknown|\b404\b", TagUnknownError, _UNKNOWN),
)
_ABSENT = re.compile(
    r"does not exist locally with the tag|tag does not exist|no such image|image not known", re.I
)


def pull_error(reference: str, said: str, *, logged_in: bool = False) -> GpuContainersError:
    """Return the error for a pull that failed with the engine's words.

    Parameters
    ----------
    reference : str
    said : str
        The engine's words, in which it quotes the registry's.
    logged_in : bool
        Whether the request bore a login: then denied access is not for want of one.
    """
    return _error(reference, said, "fetched", logged_in)


def push_error(reference: str, said: str, *, logged_in: bool = False) -> GpuContainersError:
    """Return the error for a push that failed with the engine's words, as `pull_error` does."""
    if _ABSENT.search(said):
        return image_not_found(reference)
    return _error(reference, said, "sent", logged_in)


def _error(reference: str, said: str, done: str, logged_in: bool) -> GpuContainersError:
    text = " ".join(said.split())
    sentence = f"The image {reference} could not be {done}: {text}"
    error, hint = next(
        ((kind, hint) for pattern, kind, hint in _KINDS if re.search(pattern, text, re.I)),
        (RegistryError, ""),
    )
    if error is WrongArchitectureError:
        sentence = f"The image {reference} is not made for this machine's CPU architecture: {text}"
    if error is UnauthorizedError and logged_in and re.search("denied", text, re.I):
        error, hint = ForbiddenError, _NO_RIGHT
    host = ImageReference.parse(reference).registry
    return error(sentence, hint.format(host=host))
