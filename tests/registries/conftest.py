"""Registries, logins and clients for the tests of the client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from tests.registry_fixtures import *  # noqa: F403

from .fake import FakeRegistry

Clients = Callable[..., RegistryClient]


@pytest.fixture(autouse=True)
def _no_logins_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def store(tmp_path: Path) -> DockerCredentials:
    """Logins of this test."""
    return DockerCredentials(tmp_path / "docker")


@pytest.fixture
def fakes() -> Iterator[Callable[..., FakeRegistry]]:
    """Starts fake registries."""
    started: list[FakeRegistry] = []

    def start(*args: Any, **kwargs: Any) -> FakeRegistry:
        started.append(FakeRegistry(*args, **kwargs))
        return started[-1]

    yield start
    for fake in started:
        fake.close()


@pytest.fixture
def clients(store: DockerCredentials, tmp_path: Path) -> Iterator[Clients]:
    """Makes clients, with the logins of `store` and little patience."""
    made: list[RegistryClient] = []

    def make(**options: Any) -> RegistryClient:
        defaults: dict[str, Any] = {
            "timeout": 5.0,
            "retry_pause": 0.01,
            "certificates": tmp_path / "certs.d",
        }
        made.append(RegistryClient(options.pop("credentials", store), **(defaults | options)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(clients: Clients) -> RegistryClient:
    """A client without anything special."""
    return clients()


def log_in(store: DockerCredentials, registry: Any, secret: str | None = None) -> Credential:
    """Keep the login of a fake registry."""
    credential = Credential(registry.credential.username, secret or registry.credential.secret)
    store.put(registry.host, credential)
    return credential
