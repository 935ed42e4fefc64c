"""What goes wrong between us and a registry, told apart, with a sentence that helps."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import (
    ForbiddenError,
    RateLimitedError,
    RegistryError,
    RegistryUnreachableError,
    TagUnknownError,
    UnauthorizedError,
    WrongDigestError,
)
from jupyter_gpu_containers.registries.client import RegistryClient

from .certificates import Certificate
from .conftest import Clients
from .fake import FakeRegistry
from .faults import (
    MANIFESTS,
    Fault,
    FaultProxy,
    broken,
    forbidden,
    rate_limited,
    unauthorized,
    unknown,
)
from .web import Answer, Seen, WebServer

Fakes = Callable[..., FakeRegistry]


@pytest.fixture
def proxy(fakes: Fakes) -> Iterator[FaultProxy]:
    """A proxy in front of a fake registry."""
    made = FaultProxy(fakes().host)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (unauthorized(), UnauthorizedError, "without a login: it is private, or does not exist"),
        (forbidden(), ForbiddenError, "refuses .* It says: “requested access .* is denied”"),
        (unknown(), TagUnknownError, "has no such tag under"),
        (broken(status=404), TagUnknownError, "has nothing under .*single:oci\\."),
        (rate_limited(), RateLimitedError, "It asks to wait 60 seconds"),
        (rate_limited(retry_after=7300), RateLimitedError, "It asks to wait 2 hours"),
        (broken(status=500), RegistryError, "out of order: HTTP status 500"),
        (broken(status=503), RegistryError, "out of order: HTTP status 503"),
        (broken(status=418), RegistryError, "refused with HTTP status 418"),
        (broken(status=451), ForbiddenError, "refuses"),
        (Fault(MANIFESTS, cut=10), RegistryUnreachableError, "broke off"),
        (Fault(MANIFESTS, corrupt=True), WrongDigestError, "not what its digest sha256:"),
    ],
)
async def test_told_apart(
    fault: Fault, error: type[RegistryError], words: str, proxy: FaultProxy, client: RegistryClient
) -> None:
    proxy.add(fault)
    with pytest.raises(error, match=words) as failed:
        await client.image(f"{proxy.host}/test/single:oci", "amd64")
    assert type(failed.value) is error or error is RegistryUnreachableError
    assert failed.value.hint or failed.value.message.endswith("418.")
    assert proxy.host in failed.value.message


@pytest.mark.parametrize(
    "fault",
    [
        Fault(MANIFESTS, cut=10, times=1),
        broken(MANIFESTS, status=503, times=1),
        rate_limited(retry_after=0, times=1),
    ],
)
async def test_a_stumble_is_no_failure(
    fault: Fault, proxy: FaultProxy, client: RegistryClient
) -> None:
    proxy.add(fault)
    found = await client.image(f"{proxy.host}/test/single:oci", "amd64")
    assert found.architecture == "amd64"
    assert fault.met == 1


async def test_a_long_wait_is_told_instead(proxy: FaultProxy, client: RegistryClient) -> None:
    fault = proxy.add(rate_limited(retry_after="Wed, 21 Oct 2099 07:28:00 GMT"))
    with pytest.raises(RateLimitedError) as limited:
        await client.image(f"{proxy.host}/test/single:oci", "amd64")
    assert limited.value.retry_after is not None
    assert limited.value.retry_after > 1e8
    assert fault.met == 1


async def test_silence(proxy: FaultProxy, clients: Clients) -> None:
    proxy.add(Fault(MANIFESTS, hold=1))
    with pytest.raises(RegistryUnreachableError, match=r"did not answer within 0.2 seconds"):
        await clients(timeout=0.2).image(f"{proxy.host}/test/single:oci", "amd64")


async def test_drops_are_no_answer(proxy: FaultProxy, clients: Clients) -> None:
    """Each drop comes in time; all of them would take a minute."""
    proxy.add(Fault(MANIFESTS, rate=20))
    began = time.monotonic()
    with pytest.raises(RegistryUnreachableError, match=r"did not answer within 0.9 seconds"):
        await clients(timeout=0.3).image(f"{proxy.host}/test/single:oci", "amd64")
    assert time.monotonic() - began < 5


async def test_nobody_there(client: RegistryClient) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # not listening
        host = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(RegistryUnreachableError, match=f"Nothing listens at {host}"):
            await client.image(f"{host}/test/single:oci", "amd64")


async def test_no_such_host(client: RegistryClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(RegistryUnreachableError, match=r"no host registry\.invalid in the network"):
        await client.image("registry.invalid/test/single:oci", "amd64")


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def registry_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host registry.test is this machine; nobody can tell from its name."""
    ask = socket.getaddrinfo

    def here(host: str, *more: object, **named: object) -> object:
        address = "127.0.0.1" if host.endswith(".test") else host
        return ask(address, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", here)


@pytest.mark.usefixtures("registry_test")
async def test_certificates(
    fakes: Fakes, client: RegistryClient, certificate: Certificate, tmp_path: Path
) -> None:
    """Not trusted, until Docker's own folder has the CA; then logins go there, too."""
    fake = fakes("basic", tls=(certificate.key, certificate.pem))
    host = f"registry.test:{fake.port}"
    with pytest.raises(RegistryUnreachableError) as untrusted:
        await client.check_login(host, fake.credential)
    assert f"The certificate of {host} is not trusted: self-signed" in untrusted.value.message
    assert f"/etc/docker/certs.d/{host}/ca.crt" in untrusted.value.hint
    assert not fake.seen
    for name in (host, f"other.test:{fake.port}"):
        folder = tmp_path / "certs.d" / name
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(certificate.pem.read_bytes())
    client.close()
    await client.check_login(host, fake.credential)
    with pytest.raises(RegistryUnreachableError, match="not trusted: Hostname mismatch"):
        await client.check_login(f"other.test:{fake.port}", fake.credential)


@pytest.mark.usefixtures("registry_test")
async def test_plain_http_is_spoken_with_this_machine_only(fakes: Fakes, clients: Clients) -> None:
    fake = fakes("basic")
    host = f"registry.test:{fake.port}"
    with pytest.raises(RegistryUnreachableError, match=f"There is no https at {host}"):
        await clients().check_login(host, fake.credential)
    assert not fake.seen
    with pytest.raises(UnauthorizedError, match="plain http: the login is not sent"):
        await clients(insecure=[host]).check_login(host, fake.credential)
    assert not any(seen.authorization for seen in fake.seen)


@pytest.mark.usefixtures("registry_test")
async def test_insecure_hosts_may_show_any_certificate(
    fakes: Fakes, clients: Clients, certificate: Certificate
) -> None:
    fake = fakes("basic", tls=(certificate.key, certificate.pem))
    await clients().check_login(fake.host, fake.credential)  # loopback
    host = f"elsewhere.test:{fake.port}"
    await clients(insecure=[host]).check_login(host, fake.credential)


# --- answers that are none ------------------------------------------------------------------------


class Odd(WebServer):
    """Gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self.said = answer
        super().__init__()

    def answer(self, seen: Seen) -> Answer:
        return self.said


LIST = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cannot be used"),
        (b"<html>welcome</html>", "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        (b"[]", "cannot be used"),
        ({"schemaVersion": 1, "fsLayers": []}, "format of before 2017"),
        ({"schemaVersion": 2, "config": {"mediaType": "text/plain"}}, "no image but something"),
        ({"schemaVersion": 2, "config": None}, "cannot be used"),
        (
            {
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": "sha256:../../../etc/passwd",
                },
                "layers": [],
            },
            "cannot be used",
        ),
        ({**LIST, "manifests": [{"digest": 3, "platform": {"architecture": "amd64"}}]}, "cannot"),
        ({**LIST, "manifests": {"a": 1}}, "cannot be used"),
        ({**LIST, "manifests": [{}] * 1001}, "cannot be used"),
        (b" " * (5 << 20), "more than 4194304 bytes"),
    ],
)
async def test_odd_manifests(body: object, words: str, client: RegistryClient) -> None:
    server = Odd(Answer(200, body))
    try:
        with pytest.raises(RegistryError, match=words):
            await client.image(f"{server.host}/a/b:1", "amd64")
    finally:
        server.close()


async def test_a_bomb_is_not_unpacked(client: RegistryClient) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    server = Odd(Answer(200, bomb, Content_Encoding="gzip"))
    try:
        with pytest.raises(RegistryError, match="more than 4194304 bytes"):
            await client.image(f"{server.host}/a/b:1", "amd64")
        server.said = Answer(200, b"not gzip", Content_Encoding="gzip")
        with pytest.raises(RegistryError, match="cannot be decompressed"):
            await client.image(f"{server.host}/a/b:1", "amd64")
    finally:
        server.close()


@pytest.mark.parametrize(
    "body",
    [b"{}", b"no", {"token": ""}, {"token": 5}, {"token": "a\r\nX-Evil: 1"}, {"token": "a b"}],
)
async def test_odd_tokens(body: object, fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes("quay")
    fake._token = lambda _: Answer(200, body)  # type: ignore[method-assign]
    with pytest.raises(RegistryError, match="gave no token"):
        await client.image(f"{fake.host}/test/single:oci", "amd64")


@pytest.mark.parametrize("said", ["secret", b"\x1b[31mred\x00", "x" * 10_000])
async def test_a_registry_s_words_are_cut_and_cleaned(said: object, client: RegistryClient) -> None:
    text = said.decode() if isinstance(said, bytes) else said
    body = json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode()
    server = Odd(Answer(403, body))
    try:
        with pytest.raises(ForbiddenError) as refused:
            await client.image(f"{server.host}/a/b:1", "amd64")
    finally:
        server.close()
    assert len(refused.value.message) < 500
    assert re.fullmatch(r"[^\x00-\x1f]+", refused.value.message)


async def test_cancelled_wait(proxy: FaultProxy, client: RegistryClient) -> None:
    """Who asked may go away at any time."""
    fault = proxy.add(Fault(MANIFESTS, hold=1))
    task = asyncio.create_task(client.image(f"{proxy.host}/test/single:oci", "amd64"))
    assert await asyncio.to_thread(fault.held.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fault.release()
