"""Fixtures that give a test registries; to be imported by a conftest.

Real ones are Debian's docker-registry, filled with `SAMPLES`; one of each kind serves a whole run,
so a test that pushes takes a repository of its own. `push_image` fills them from the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import docker
import pytest

from tests.registries.certificates import Certificate, make_certificate
from tests.registries.content import SAMPLES
from tests.registries.faults import FaultProxy
from tests.registries.real import PASSWORD, USERNAME, RealRegistry

__all__ = [
    "basic_registry",
    "certificate",
    "fault_proxy",
    "plain_registry",
    "push_image",
    "tls_registry",
    "token_registry",
]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Key and certificate of the registries of this run."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def _filled(registry: RealRegistry) -> Iterator[RealRegistry]:
    try:
        for name, content in SAMPLES.items():
            registry.put(name, content)
        yield registry
    finally:
        registry.close()


@pytest.fixture(scope="session")
def plain_registry() -> Iterator[RealRegistry]:
    """A registry that asks nobody who he is."""
    yield from _filled(RealRegistry())


@pytest.fixture(scope="session")
def basic_registry() -> Iterator[RealRegistry]:
    """A registry with user name and password."""
    yield from _filled(RealRegistry("basic"))


@pytest.fixture(scope="session")
def token_registry(certificate: Certificate) -> Iterator[RealRegistry]:
    """A registry behind a token server; everybody may read ``test/*``."""
    yield from _filled(RealRegistry("token", certificate=certificate))


@pytest.fixture(scope="session")
def tls_registry(certificate: Certificate) -> Iterator[RealRegistry]:
    """A registry with user name and password that speaks https."""
    yield from _filled(RealRegistry("basic", certificate=certificate, tls=True))


@pytest.fixture
def fault_proxy(plain_registry: RealRegistry) -> Iterator[FaultProxy]:
    """A proxy in front of `plain_registry`, without faults yet."""
    proxy = FaultProxy(plain_registry.host)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def push_image(engine_host: str) -> Callable[[RealRegistry, str, str], str]:
    """Push an image of the engine: ``push_image(registry, image, "repository:tag")``.

    Returns the whole reference; the engine forgets the name at once. Layers are compressed by the
    engine, about 30 MB/s.
    """

    def push(registry: RealRegistry, image: str, name: str) -> str:
        reference = registry.reference(name)
        login = {"username": USERNAME, "password": PASSWORD} if registry.auth != "none" else None
        client = docker.DockerClient(base_url=engine_host, timeout=120)
        try:
            assert client.api.tag(image, *reference.rsplit(":", 1))
            answers = client.api.push(reference, stream=True, decode=True, auth_config=login)
            errors = [answer["error"] for answer in answers if "error" in answer]
            client.api.remove_image(reference, noprune=True)
        finally:
            client.close()
        assert not errors, errors
        return reference

    return push
