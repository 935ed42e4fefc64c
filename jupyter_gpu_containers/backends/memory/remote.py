"""The memory backend's registries as `ports.Registry` sees them: nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_gpu_containers.errors import TagUnknownError, UnauthorizedError, WrongArchitectureError
from jupyter_gpu_containers.model.image.image import Image, ImageConfig, ImageReference
from jupyter_gpu_containers.model.image.registry import (
    Credential,
    Platform,
    RemoteImage,
    SearchResult,
    TagPage,
)
from jupyter_gpu_containers.ports import CredentialStore, Registry

from . import registry
from .images import host_architecture

WRONG = "wrong"  # the one secret that no registry takes


class MemoryRegistry(Registry):
    """Answers at once, the same in every run.

    Parameters
    ----------
    known : iterable of str
        References whose tags are listed and whose repositories are found by a search.
    credentials : CredentialStore
        A login opens what is private.
    """

    def __init__(self, known: Iterable[str], credentials: CredentialStore) -> None:
        self._known = [ImageReference.parse(reference) for reference in known]
        self._credentials = credentials

    async def tags(self, repository: str, *, contains: str = "", limit: int = 100) -> TagPage:
        """List the known tags, in the order in which they were given."""
        asked = ImageReference.parse(repository)
        here = (asked.registry, asked.repository)
        all_tags = [r.tag for r in self._known if (r.registry, r.repository) == here and r.tag]
        if not all_tags:
            raise TagUnknownError(
                f"This demonstration knows no tag of {asked.registry}/{asked.repository}.",
                "Take a repository of the catalogue.",
            )
        tags = tuple(tag for tag in dict.fromkeys(all_tags) if contains in tag)
        return TagPage(f"{asked.registry}/{asked.repository}", tags[:limit], len(tags))

    async def image(self, reference: str, architecture: str) -> RemoteImage:
        """Tell of an image what `memory_registry` would give to a pull."""
        parsed = ImageReference.parse(reference)
        logged_in = self._credentials.get(parsed.registry) is not None
        image = registry.find(reference, logged_in=logged_in)
        if architecture != host_architecture():  # all that is offered
            raise WrongArchitectureError(
                f"“{parsed.familiar}” is offered for {host_architecture()}, not for "
                f"{architecture}.",
                "Choose another image.",
            )
        return _remote(parsed, image)

    async def search(self, query: str, *, limit: int = 25) -> list[SearchResult]:
        """Find known repositories of Docker Hub with all words of the query in their name."""
        words = query.lower().split()
        names = {
            f"{r.registry}/{r.repository}".removeprefix("docker.io/").removeprefix("library/")
            for r in self._known
            if r.registry == "docker.io"
        }
        found = sorted(name for name in names if all(word in name for word in words))
        return [SearchResult(name, official="/" not in name) for name in found[:limit]]

    async def check_login(self, host: str, credential: Credential) -> None:
        """Take every login but one."""
        if credential.secret == WRONG:
            raise UnauthorizedError(
                f"{host} does not take this user name and password.", "Check both, and try again."
            )

    def close(self) -> None:
        """Nothing is open."""


def _remote(parsed: ImageReference, image: Image) -> RemoteImage:
    layers = registry.layers_of(image)
    return RemoteImage(
        reference=str(parsed),
        digest=image.id,
        id=image.id,
        config=image.config or ImageConfig(),
        layers=layers,
        architecture=host_architecture(),
        platforms=(Platform("linux", host_architecture()),),
        created=image.created,
    )
