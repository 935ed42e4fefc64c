"""Logging in and out: checked at once, kept where Docker keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import (
    InvalidRequestError,
    RegistryUnreachableError,
    UnauthorizedError,
)
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.ports import Registry
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.service.image.logins import Logins


class Gate(Registry):
    """A registry that takes one secret, and notes who came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []

    async def check_login(self, host: str, credential: Credential) -> None:
        self.came.append((host, credential.username))
        if host.startswith("away"):
            raise RegistryUnreachableError("away")
        if credential.secret != "right":
            raise UnauthorizedError("wrong")

    async def tags(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise AssertionError

    image = search = tags  # type: ignore[assignment]

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def store(tmp_path: Path) -> DockerCredentials:
    return DockerCredentials(tmp_path)


async def test_in_and_out(store: DockerCredentials) -> None:
    gate = Gate()
    logins = Logins(gate, store)
    assert await logins.login(" https://NVCR.io/ ", None, "right\n") == str(store.path)
    await logins.login("index.docker.io", "ada", "right")
    assert gate.came == [("nvcr.io", "$oauthtoken"), ("docker.io", "ada")]
    assert await logins.hosts() == {"docker.io": "ada", "nvcr.io": "$oauthtoken"}
    assert await logins.logout("nvcr.io")
    assert not await logins.logout("nvcr.io")


@pytest.mark.parametrize(
    ("host", "username", "secret", "words"),
    [
        ("registry.example.org", "", "right", "needs a user name"),
        ("registry.example.org", "ada", "\n", "needs a secret"),
        ("not a host", "ada", "right", "is not the host of a registry"),
        ("", "ada", "right", "is not the host of a registry"),
        ("plainname", "ada", "right", "is not the host of a registry"),
        ("evil.org@good.org", "ada", "right", "is not the host of a registry"),
    ],
)
async def test_what_nobody_is_asked(
    host: str, username: str, secret: str, words: str, store: DockerCredentials
) -> None:
    gate = Gate()
    with pytest.raises(InvalidRequestError, match=words):
        await Logins(gate, store).login(host, username, secret)
    assert not gate.came


async def test_api_key_is_asked_for_by_its_name(store: DockerCredentials) -> None:
    with pytest.raises(InvalidRequestError) as missing:
        await Logins(Gate(), store).login("nvcr.io", "", "")
    assert missing.value.hint == "Give your API key for nvcr.io."


@pytest.mark.parametrize(
    ("host", "error"),
    [("registry.example.org", UnauthorizedError), ("away.example.org", RegistryUnreachableError)],
)
async def test_what_the_registry_does_not_take_is_not_kept(
    host: str, error: type[Exception], store: DockerCredentials
) -> None:
    with pytest.raises(error):
        await Logins(Gate(), store).login(host, "ada", "canary")
    assert not store.path.exists()
