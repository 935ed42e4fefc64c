"""The client and its logins against real registries, and `docker` with the logins that we kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import (
    ForbiddenError,
    TagUnknownError,
    UnauthorizedError,
    WrongDigestError,
)
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.service.image.logins import Logins
from tests.conftest import IMAGES

from .content import SAMPLES
from .faults import MANIFESTS, Fault, FaultProxy
from .real import PASSWORD, USERNAME, RealRegistry

pytestmark = pytest.mark.engine

KINDS = ["basic", "token", "tls"]
ADA = Credential(USERNAME, PASSWORD)


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> RealRegistry:
    """A registry of the kind that the test names."""
    found: RealRegistry = request.getfixturevalue(f"{request.param}_registry")
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
async def test_reads_every_kind(
    name: str, plain_registry: RealRegistry, client: RegistryClient
) -> None:
    content = SAMPLES[name]
    architecture = "s390x" if "elsewhere" in name else "amd64"
    found = await client.image(plain_registry.reference(name), architecture)
    single = next(part for part in content.walk() if part.blobs and part.config.digest == found.id)
    assert (found.digest, found.architecture) == (content.digest, architecture)
    assert found.size == sum(len(one.data) for one in single.layers)
    assert [one.diff_id for one in found.layers] == [one.diff_id for one in single.layers]


@pytest.mark.parametrize("registry", KINDS, indirect=True)
async def test_login_is_checked_kept_and_used(
    registry: RealRegistry, client: RegistryClient, store: DockerCredentials
) -> None:
    logins = Logins(client, store)
    reference = registry.reference("private/single:latest")
    with pytest.raises(UnauthorizedError, match="private, or does not exist"):
        await client.image(reference, "amd64")
    with pytest.raises(UnauthorizedError, match="user name or secret is wrong"):
        await logins.login(registry.host, USERNAME, "wrong")
    assert await logins.hosts() == {}
    assert await logins.login(registry.host, USERNAME, f"{PASSWORD}\n") == str(store.path)
    found = await client.image(reference, "amd64")
    assert found.config.labels == {"private": "yes"}
    assert (await client.tags(registry.reference("test/multi"))).tags == ("docker", "oci")
    assert await logins.logout(registry.host)
    with pytest.raises(UnauthorizedError):
        await client.image(reference, "amd64")


async def test_public_and_forbidden_behind_a_token_server(
    token_registry: RealRegistry, client: RegistryClient, store: DockerCredentials
) -> None:
    assert token_registry.tokens is not None
    await client.image(token_registry.reference("test/single:oci"), "amd64")
    assert not token_registry.tokens.seen[-1].authorization
    store.put(token_registry.host, ADA)
    with pytest.raises(ForbiddenError, match="gives ada no access"):
        await client.image(token_registry.reference("forbidden/single:latest"), "amd64")
    with pytest.raises(TagUnknownError, match="no such image"):
        await client.tags(token_registry.reference("test/none"))


async def test_damage_is_noticed(fault_proxy: FaultProxy, client: RegistryClient) -> None:
    fault_proxy.add(Fault(MANIFESTS, corrupt=True))
    with pytest.raises(WrongDigestError):
        await client.image(f"{fault_proxy.host}/test/multi:oci", "amd64")


async def test_what_an_engine_pushed(
    plain_registry: RealRegistry,
    client: RegistryClient,
    push_image: Callable[[RealRegistry, str, str], str],
) -> None:
    """An image of another architecture, without an index, as the engine writes manifests."""
    reference = push_image(plain_registry, IMAGES.arm64, "pushed/arm64:1")
    found = await client.image(reference, "amd64")
    assert found.architecture == "arm64"
    assert found.platforms == ()
    assert found.digest == plain_registry.digest("pushed/arm64:1")


def docker(
    engine_host: str, config: Path, *arguments: str, said: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run docker's own command line with a configuration folder."""
    return subprocess.run(
        ["docker", "--config", str(config), "--host", engine_host, *arguments],
        env={"PATH": os.environ["PATH"]},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("registry", KINDS, indirect=True)
async def test_docker_pull_works_after_our_login_and_we_after_docker_login(
    registry: RealRegistry, engine_host: str, client: RegistryClient, store: DockerCredentials
) -> None:
    reference = registry.reference("private/single:latest")
    config = store.path.parent
    refused = docker(engine_host, config, "pull", "--quiet", reference)
    assert refused.returncode != 0
    await Logins(client, store).login(registry.host, USERNAME, PASSWORD)
    pulled = docker(engine_host, config, "pull", "--quiet", reference)
    assert (pulled.returncode, pulled.stderr) == (0, "")
    docker(engine_host, config, "rmi", reference)
    assert docker(engine_host, config, "logout", registry.host).returncode == 0
    assert store.get(registry.host) is None
    login = ("login", "--username", USERNAME, "--password-stdin", registry.host)
    assert docker(engine_host, config, *login, said=PASSWORD).returncode == 0
    assert store.get(registry.host) == ADA
    assert store.hosts() == {registry.host: USERNAME}
    assert await Logins(client, store).logout(registry.host)
    assert docker(engine_host, config, "pull", "--quiet", reference).returncode != 0
