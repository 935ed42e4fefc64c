"""The registries of the demonstration: they tell what a pull gets, and ask nobody."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.backends.memory import MemoryBackend
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES, host_architecture
from jupyter_gpu_containers.backends.memory.registry import PRIVATE
from jupyter_gpu_containers.backends.memory.remote import WRONG, MemoryRegistry
from jupyter_gpu_containers.catalogue.curated import curated_entries, nvidia_matrix
from jupyter_gpu_containers.errors import (
    RegistryUnreachableError,
    TagUnknownError,
    UnauthorizedError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.ports import CredentialStore
from jupyter_gpu_containers.service.image.catalogue import Catalogue

TORCH = "pytorch/pytorch"
CATALOGUE = Catalogue(curated_entries(), nvidia_matrix())


class Pocket(CredentialStore):
    """Logins in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Credential] = {}

    def get(self, host: str) -> Credential | None:
        return self.kept.get(host)

    def put(self, host: str, credential: Credential) -> str:
        self.kept[host] = credential
        return "a pocket"

    def erase(self, host: str) -> bool:
        return self.kept.pop(host, None) is not None

    def hosts(self) -> dict[str, str]:
        return {host: credential.username for host, credential in self.kept.items()}


@pytest.fixture
def pocket() -> Pocket:
    return Pocket()


@pytest.fixture
def registry(pocket: Pocket) -> MemoryRegistry:
    known = [f"{TORCH}:2.7.0", f"{TORCH}:2.6.0", "ubuntu:24.04", "nvcr.io/nvidia/pytorch:25.08-py3"]
    return MemoryRegistry(known, pocket)


async def test_tags_keep_their_order_and_are_counted(registry: MemoryRegistry) -> None:
    page = await registry.tags(f"docker.io/{TORCH}", limit=1)
    assert (page.repository, page.tags, page.total) == (f"docker.io/{TORCH}", ("2.7.0",), 2)
    assert (await registry.tags(TORCH, contains="2.6")).tags == ("2.6.0",)
    with pytest.raises(TagUnknownError):
        await registry.tags("no/such")


async def test_an_image_is_what_a_pull_would_fetch(
    registry: MemoryRegistry, pocket: Pocket
) -> None:
    remote = await registry.image(f"{TORCH}:2.7.0", host_architecture())
    assert remote.id == remote.digest
    assert remote.size > 1 << 29
    assert len({layer.diff_id for layer in remote.layers}) == len(remote.layers)
    with pytest.raises(WrongArchitectureError):
        await registry.image(f"{TORCH}:2.7.0", "s390x")
    with pytest.raises(RegistryUnreachableError):
        await registry.image("registry.example.org/a:1", host_architecture())
    with pytest.raises(UnauthorizedError):
        await registry.image(PRIVATE, host_architecture())
    pocket.put("nvcr.io", Credential("me", "secret"))
    assert (await registry.image(PRIVATE, host_architecture())).architecture == host_architecture()


@pytest.mark.parametrize("reference", [e.reference for e in CATALOGUE.entries()])
async def test_an_image_is_what_the_catalogue_says(
    registry: MemoryRegistry, reference: str
) -> None:
    """Its row in the catalogue and its details are one thing, before a pull and after."""
    remote = await registry.image(reference, host_architecture())
    backend = MemoryBackend([], transfer_seconds=0)
    await backend.pull(reference)
    (image,) = await backend.images()
    assert image.config == remote.config
    known = CATALOGUE.known(reference)
    if known is not None:
        assert remote.config == known.config(host_architecture())
        assert remote.size == pytest.approx(known.size or remote.size, abs=len(remote.layers))
        assert image.probe is not None
        assert image.probe.python == (known.python or image.probe.python)
    backend.close()


def test_the_images_that_are_there_are_what_the_catalogue_says() -> None:
    known = CATALOGUE.known(DEMO_IMAGES[0].references[0])
    assert known is not None
    assert DEMO_IMAGES[0].config == known.config(host_architecture())


async def test_a_search_finds_all_words(registry: MemoryRegistry) -> None:
    assert [r.name for r in await registry.search("PyTorch")] == [TORCH]
    (official,) = await registry.search("ubuntu")
    assert official.official
    assert await registry.search("pytorch ubuntu") == []


async def test_one_login_is_wrong(registry: MemoryRegistry) -> None:
    await registry.check_login("nvcr.io", Credential("me", "secret"))
    with pytest.raises(UnauthorizedError):
        await registry.check_login("nvcr.io", Credential("me", WRONG))
    registry.close()
