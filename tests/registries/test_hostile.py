"""Registries that want what they must not get: logins, and requests into other networks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import RegistryError, UnauthorizedError
from jupyter_gpu_containers.registries.challenge import judge_realm, parse_challenges
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import DockerCredentials
from jupyter_gpu_containers.registries.transport import Authorization, Transport
from jupyter_gpu_containers.registries.visit import Visit

from .conftest import Clients, log_in
from .fake import FakeRegistry
from .web import Answer, Seen, WebServer

Fakes = Callable[..., FakeRegistry]


class Sentinel(WebServer):
    """Whoever asks here was led astray."""

    def answer(self, seen: Seen) -> Answer:
        return Answer(200, {"token": "stolen"}, Set_Cookie="a=b")


@pytest.fixture
def sentinel() -> Iterator[Sentinel]:
    server = Sentinel()
    yield server
    server.close()


@pytest.mark.parametrize("style", ["nvcr", "hub", "ghcr", "quay", "harbor"])
@pytest.mark.parametrize("name", ["test/single:oci", "private/single:latest"])
async def test_foreign_realm_over_plain_http(
    style: str,
    name: str,
    fakes: Fakes,
    client: RegistryClient,
    store: DockerCredentials,
    sentinel: Sentinel,
) -> None:
    """localhost is another site than 127.0.0.1, where the registry is."""
    fake = fakes(style)
    fake.realm = f"http://localhost:{sentinel.port}/token"
    log_in(store, fake)
    with pytest.raises(RegistryError, match="asks for a token from “http://localhost"):
        await client.image(f"{fake.host}/{name}", "amd64")
    with pytest.raises(RegistryError):
        await client.check_login(fake.host, fake.credential)
    assert not sentinel.seen


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "//auth.example.org/token",
        "ftp://auth.example.org/token",
        "file:///etc/passwd",
        "http://auth.example.org/token",
        "http://registry.example.org/token",
        "http://127.0.0.1/token",
        "https://127.0.0.1/token",
        "https://localhost:8888/token",
        "https://[::1]/token",
        "https://10.0.0.1/token",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@auth.example.org/token",
        "https://registry.example.org@evil.org/token",
        "https://registry.example.org:port/token",
        "https://[half/token",
    ],
)
def test_realms_that_nobody_asks(realm: str) -> None:
    with pytest.raises(RegistryError, match="asks for a token from"):
        judge_realm(realm, "registry.example.org", scheme="https")


@pytest.mark.parametrize(
    ("host", "realm", "trusted"),
    [
        ("docker.io", "https://auth.docker.io/token", True),
        ("docker.io", "https://auth.docker.io.evil.org/token", False),
        ("nvcr.io", "https://nvcr.io/proxy_auth?scope=a", True),
        ("nvcr.io", "https://authn.nvidia.com/token", True),
        ("nvcr.io", "https://evil.nvidia.com/token", False),
        ("ghcr.io", "https://ghcr.io/token", True),
        ("quay.io", "https://quay.io/v2/auth", True),
        ("quay.io", "https://auth.docker.io/token", False),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("registry.example.co.uk", "https://auth.example.co.uk/token", True),
        ("registry.example.co.uk", "https://evil.co.uk/token", False),
        ("mine.azurecr.io", "https://mine.azurecr.io/oauth2/token", True),
        ("mine.azurecr.io", "https://other.azurecr.io/oauth2/token", False),
        ("registry.example.org:5000", "https://registry.example.org:5001/auth", True),
        ("93.184.216.34", "https://93.184.216.35/auth", False),
        ("registry.example.org", "https://sso.partner.net/token", False),
    ],
)
def test_who_may_see_a_login(host: str, realm: str, trusted: bool) -> None:
    assert judge_realm(realm, host, scheme="https").trusted is trusted


def test_realms_that_an_administrator_trusts() -> None:
    realm = judge_realm(
        "https://sso.partner.net/token?service=s",
        "registry.example.org",
        scheme="https",
        trusted=["sso.partner.net"],
    )
    assert realm.trusted
    assert realm.address("", "x:y:pull") == (
        "https://sso.partner.net/token?service=s&scope=x%3Ay%3Apull"
    )


@pytest.mark.parametrize(
    "target",
    [
        "http://cdn.example.org/blob",
        "https://127.0.0.1/blob",
        "https://localhost/blob",
        "https://192.168.0.1/blob",
        "https://[fe80::1]/blob",
        "https://169.254.169.254/latest",
        "ftp://cdn.example.org/blob",
        "https://a@cdn.example.org/blob",
        "https://cdn.example.org:x/blob",
        "https:///blob",
    ],
)
def test_redirects_that_nobody_follows(target: str) -> None:
    transport = Transport()
    visit = Visit(transport, None, "registry.example.org", "a", name="a", login=lambda: None)  # type: ignore[arg-type]
    with pytest.raises(RegistryError, match="redirects to"):
        visit._check_redirect("https://registry.example.org/v2/a/blobs/b", target)
    visit._check_redirect("https://registry.example.org/v2/a/blobs/b", "https://cdn.other.net/b")


async def test_no_login_across_a_redirect(
    fakes: Fakes, client: RegistryClient, store: DockerCredentials, sentinel: Sentinel
) -> None:
    fake = fakes("basic")
    fake.redirect = f"http://localhost:{sentinel.port}/"
    log_in(store, fake)
    with pytest.raises(RegistryError, match="not what its digest"):
        await client.image(f"{fake.host}/test/single:oci", "amd64")
    assert len(sentinel.seen) == 1
    assert not sentinel.seen[0].authorization


async def test_redirects_in_a_circle(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    fake._blob = lambda digest: Answer(307, b"", Location=f"/v2/test/single/blobs/{digest}")  # type: ignore[method-assign]
    with pytest.raises(RegistryError, match="in a circle"):
        await client.image(f"{fake.host}/test/single:oci", "amd64")
    assert len(fake.seen) < 10


async def test_logins_of_other_programs_are_not_used(
    fakes: Fakes, clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fakes("basic")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password s3cret!\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client = clients()
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            await client.image(f"{fake.host}/test/single:oci", "amd64")
    assert not any(seen.authorization or "cookie" in seen.headers for seen in fake.seen)


async def test_each_registry_gets_its_own_login_only(
    fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    one, other = fakes("basic"), fakes("basic")
    log_in(store, one)
    await client.image(f"{one.host}/test/single:oci", "amd64")
    with pytest.raises(UnauthorizedError):
        await client.image(f"{other.host}/test/single:oci", "amd64")
    assert not any(seen.authorization for seen in other.seen)


async def test_public_images_send_no_login(
    fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    """A registry that does not ask does not get."""
    fake = fakes("plain")
    log_in(store, fake)
    await client.image(f"{fake.host}/test/single:oci", "amd64")
    await client.tags(f"{fake.host}/test/single")
    assert not any(seen.authorization for seen in fake.seen)


def test_a_secret_never_goes_over_plain_http() -> None:
    """The last line, below everything that decides."""
    transport = Transport(insecure=["registry.example.org"])
    with pytest.raises(UnauthorizedError, match="plain http"):
        transport.send(
            "GET",
            "http://registry.example.org/v2/",
            authorization=Authorization("Basic x", True),
            limit=1,
        )
    assert "Basic x" not in repr(Authorization("Basic x", True))


async def test_the_secret_is_in_no_sentence(
    fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    """Not even if the registry says it."""
    fake = fakes("basic")
    log_in(store, fake, "canary-41")
    body = {"errors": [{"code": "DENIED", "message": "your password canary-41 is wrong"}]}
    real = fake.answer

    def answer(seen: Seen) -> Answer:
        return Answer(403, body) if seen.authorization else real(seen)

    fake.answer = answer  # type: ignore[method-assign]
    with pytest.raises(RegistryError) as refused:
        await client.image(f"{fake.host}/private/single:latest", "amd64")
    coded = base64.b64encode(b"ada:canary-41").decode()
    assert "your password *** is wrong" in refused.value.message
    assert coded not in str(refused.value)


# --- challenges -----------------------------------------------------------------------------------


def test_challenges() -> None:
    header = (
        'Negotiate, Bearer realm="https://a/b?c=d,e",service="x \\"y\\"" , scope=a:b:pull,'
        'Basic realm="two, words"'
    )
    negotiate, bearer, basic = parse_challenges(header)
    assert (negotiate.scheme, bearer.scheme, basic.scheme) == ("negotiate", "bearer", "basic")
    assert bearer.parameters == {
        "realm": "https://a/b?c=d,e",
        "service": 'x "y"',
        "scope": "a:b:pull",
    }
    assert basic.parameters == {"realm": "two, words"}


@settings(max_examples=50)
@given(st.text() | st.from_regex(r'(Bearer|Basic) ?(\w+="?[^,]*"?,? ?)*', fullmatch=True))
def test_no_header_is_too_odd(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@given(st.text(), st.sampled_from(["http", "https"]))
def test_no_realm_is_too_odd(realm: str, scheme: str) -> None:
    try:
        judged = judge_realm(realm, "registry.example.org", scheme=scheme)
    except RegistryError:
        return
    assert judged.url.scheme == "https" or judged.host == "registry.example.org"
