"""The registries of the tests are what they say, and the engine takes them for registries."""

from __future__ import annotations

from collections.abc import Callable

import docker
import pytest
import requests

from .content import SAMPLES
from .faults import BLOBS, Fault, FaultProxy, rate_limited
from .real import PASSWORD, USERNAME, RealRegistry


@pytest.mark.engine
def test_engine_pulls_what_was_uploaded_and_pushes(
    engine_host: str,
    token_registry: RealRegistry,
    push_image: Callable[[RealRegistry, str, str], str],
) -> None:
    client = docker.DockerClient(base_url=engine_host)
    login = {"username": USERNAME, "password": PASSWORD}
    reference = token_registry.reference("private/single:latest")
    try:
        with pytest.raises(docker.errors.DockerException):
            client.images.pull(reference)
        pulled = client.images.pull(reference, auth_config=login)
        assert pulled.labels == {"private": "yes"}
        assert pulled.id == SAMPLES["private/single:latest"].config.digest
        pushed = push_image(token_registry, reference, "pushed/single:1")
        assert token_registry.digest("pushed/single:1").startswith("sha256:")
        assert pushed not in client.images.get(reference).tags
    finally:
        client.images.remove(reference, force=True)
        client.close()


@pytest.mark.engine
@pytest.mark.parametrize("name", sorted(name for name in SAMPLES if "elsewhere" not in name))
def test_engine_pulls_every_kind_through_the_proxy(
    engine_host: str, fault_proxy: FaultProxy, name: str
) -> None:
    client = docker.DockerClient(base_url=engine_host)
    reference = f"{fault_proxy.host}/{name}"
    try:
        image = client.images.pull(reference)
        assert image.attrs["Architecture"] == "amd64"
        client.images.remove(reference)
    finally:
        client.close()


@pytest.mark.engine
def test_tls_and_basic(basic_registry: RealRegistry, tls_registry: RealRegistry) -> None:
    for registry in (basic_registry, tls_registry):
        verify = str(registry.certificate.pem) if registry.certificate else False
        answers = [
            requests.get(f"{registry.url}/v2/", auth=auth, verify=verify, timeout=10).status_code
            for auth in (None, (USERNAME, "wrong"), (USERNAME, PASSWORD))
        ]
        assert answers == [401, 401, 200]


@pytest.mark.engine
def test_faults(plain_registry: RealRegistry, fault_proxy: FaultProxy) -> None:
    large = SAMPLES["test/large:latest"]
    manifest = f"{fault_proxy.url}/v2/test/large/manifests/latest"
    blob = f"{fault_proxy.url}/v2/test/large/blobs/{large.layers[0].digest}"
    accept = {"Accept": large.manifest.media_type}
    fault_proxy.add(rate_limited(times=1))
    limited = requests.get(manifest, headers=accept, timeout=10)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "60")
    assert requests.get(manifest, headers=accept, timeout=10).status_code == 200
    fault_proxy.add(Fault(BLOBS, cut=1000, times=1))
    with pytest.raises(requests.RequestException):
        requests.get(blob, timeout=10)
    fault_proxy.add(Fault(BLOBS, corrupt=True, times=1))
    assert requests.get(blob, timeout=10).content[:-1] == large.layers[0].data[:-1]
    hold = fault_proxy.add(Fault(BLOBS, hold=5000, times=1))
    with requests.get(blob, timeout=10, stream=True) as held:
        assert held.raw.read(5000) == large.layers[0].data[:5000]
        assert hold.held.wait(10)
        hold.release()
        assert held.raw.read() == large.layers[0].data[5000:]
