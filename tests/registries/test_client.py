"""The client against registries of every style: what it reads, and how often it asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_gpu_containers.errors import (
    InvalidImageReferenceError,
    RateLimitedError,
    RegistryError,
    TagUnknownError,
    UnauthorizedError,
    WrongArchitectureError,
)
from jupyter_gpu_containers.model.image.registry import Credential, Platform, SearchResult
from jupyter_gpu_containers.registries.client import RegistryClient
from jupyter_gpu_containers.registries.credentials import IDENTITY_TOKEN, DockerCredentials

from .conftest import Clients, log_in
from .content import PYTORCH_ENV, SAMPLES, artifact, image, index
from .fake import STYLES, FakeRegistry

Fakes = Callable[..., FakeRegistry]


async def test_of_an_index_the_child_for_this_machine(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    found = await client.image(f"{fake.host}/test/multi:oci", "amd64")
    content = SAMPLES["test/multi:oci"]
    child = content.children[1]
    assert found.reference == f"{fake.host}/test/multi:oci"
    assert (found.digest, found.id) == (content.digest, child.config.digest)
    assert found.architecture == "amd64"
    assert found.platforms == (Platform("linux", "arm64", "v8"), Platform("linux", "amd64"))
    assert found.config.env == PYTORCH_ENV
    assert found.created == 1767323045
    assert [(one.digest, one.size, one.diff_id) for one in found.layers] == [
        (one.digest, len(one.data), one.diff_id) for one in child.layers
    ]
    assert found.missing([[child.layers[0].diff_id]]) == 0
    assert found.missing(()) == found.size == len(child.layers[0].data)
    other = await client.image(f"{fake.host}/test/multi:oci", "arm64")
    assert other.id == content.children[0].config.digest


@pytest.mark.parametrize("name", ["single:oci", "single:docker", "multi:oci", "multi:docker"])
async def test_every_kind_of_schema(name: str, fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    by_tag = await client.image(f"{fake.host}/test/{name}", "amd64")
    assert by_tag.config.env["PYTORCH_VERSION"] == "2.6.0"
    assert by_tag.digest == SAMPLES[f"test/{name}"].digest
    by_digest = await client.image(f"{fake.host}/test/{name}@{by_tag.digest}", "amd64")
    assert (by_digest.id, by_digest.layers) == (by_tag.id, by_tag.layers)


@pytest.mark.parametrize("style", STYLES)
async def test_at_most_four_requests_beside_tokens(
    style: str, fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    fake = fakes(style)
    if style == "basic":
        log_in(store, fake)
    await client.image(f"{fake.host}/test/multi:oci", "amd64")
    assert len(fake.beside_tokens) == 4  # index, manifest, configuration, where that really lies
    assert len(fake.seen) <= 6
    layers = {one.digest for child in SAMPLES["test/multi:oci"].children for one in child.layers}
    assert not [path for path in fake.paths() if path.rpartition("/")[2] in layers]
    before = len(fake.seen)
    await client.tags(f"{fake.host}/test/multi")
    assert len(fake.seen) == before + 1  # the token is good for the whole repository


@pytest.mark.parametrize("style", [style for style in STYLES if style != "plain"])
async def test_private_repositories(
    style: str, fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    fake = fakes(style)
    reference = f"{fake.host}/private/single:latest"
    with pytest.raises(UnauthorizedError) as anonymous:
        await client.image(reference, "amd64")
    assert "without a login: it is private, or does not exist" in anonymous.value.message
    assert f"jupyter gpu-containers login {fake.host}" in anonymous.value.hint
    log_in(store, fake)
    found = await client.image(reference, "amd64")
    assert found.config.labels == {"private": "yes"}


@pytest.mark.parametrize("style", [style for style in STYLES if style != "plain"])
async def test_wrong_login_is_said(
    style: str, fakes: Fakes, client: RegistryClient, store: DockerCredentials
) -> None:
    fake = fakes(style)
    log_in(store, fake, "canary-93")
    with pytest.raises(UnauthorizedError) as wrong:
        await client.image(f"{fake.host}/private/single:latest", "amd64")
    assert f"take the login of {fake.credential.username}: user name or" in wrong.value.message
    assert "canary-93" not in f"{wrong.value!r} {wrong.value} {wrong.value.__cause__!r}"


@pytest.mark.parametrize("style", ["nvcr", "hub", "quay"])
async def test_expired_token_is_replaced(style: str, fakes: Fakes, client: RegistryClient) -> None:
    """nvcr.io points to a realm that is a dead end then; the way in begins from the start."""
    fake = fakes(style)
    await client.image(f"{fake.host}/test/single:oci", "amd64")
    fake.expire()
    await client.image(f"{fake.host}/test/single:docker", "amd64")
    assert "/authn/token" not in fake.paths()


async def test_a_token_that_says_that_it_is_old_is_not_used(
    fakes: Fakes, client: RegistryClient
) -> None:
    fake = fakes("hub")
    fake.lifetime = 1
    await client.image(f"{fake.host}/test/single:oci", "amd64")
    await client.image(f"{fake.host}/test/single:docker", "amd64")
    assert "/authn/token" not in fake.paths()
    assert fake.paths().count("/token") >= 2


async def test_identity_token(fakes: Fakes, clients: Clients, store: DockerCredentials) -> None:
    """What some registries leave in Docker's file instead of a password (OAuth 2)."""
    fake = fakes("quay")
    store.put(fake.host, Credential(IDENTITY_TOKEN, "refresh-me"))
    await clients().image(f"{fake.host}/private/single:latest", "amd64")
    [asked] = [seen for seen in fake.seen if seen.method == "POST"]
    assert b"grant_type=refresh_token&refresh_token=refresh-me" in asked.body
    assert not asked.authorization


async def test_unknown_names(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    with pytest.raises(TagUnknownError, match=r"no such tag under .*/test/single:none\."):
        await client.image(f"{fake.host}/test/single:none", "amd64")
    with pytest.raises(TagUnknownError, match=r"no such image under .*/test/none:latest\."):
        await client.image(f"{fake.host}/test/none", "amd64")
    with pytest.raises(TagUnknownError, match="no such image"):
        await client.tags(f"{fake.host}/test/none")
    with pytest.raises(InvalidImageReferenceError):
        await client.image("No Image", "amd64")
    with pytest.raises(InvalidImageReferenceError):
        await client.tags("sha256:" + "0" * 64)


async def test_wrong_architecture(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    with pytest.raises(WrongArchitectureError) as wrong:
        await client.image(f"{fake.host}/test/elsewhere:s390x", "amd64")
    assert "not made for linux/amd64, but for linux/ppc64le, linux/s390x" in wrong.value.message


async def test_windows_is_not_linux(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    fake.put("test/win:1", index(image("amd64", os="windows")))
    with pytest.raises(WrongArchitectureError, match="for windows/amd64"):
        await client.image(f"{fake.host}/test/win:1", "amd64")


async def test_the_plainest_variant(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    variants = [image("amd64", variant=variant, labels={"v": variant}) for variant in ("v3", "")]
    fake.put("test/variants:1", index(*variants))
    found = await client.image(f"{fake.host}/test/variants:1", "amd64")
    assert found.config.labels == {"v": ""}


async def test_something_else_than_an_image(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    fake.put("test/chart:1", artifact())
    with pytest.raises(RegistryError, match=r"no image but something else .*helm"):
        await client.image(f"{fake.host}/test/chart:1", "amd64")


async def test_docker_hub_s_limit(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes("hub")
    fake.pulls = 0
    with pytest.raises(RateLimitedError) as limited:
        await client.image(f"{fake.host}/test/single:oci", "amd64")
    assert limited.value.retry_after == 60
    assert "It asks to wait 60 seconds." in limited.value.message
    assert f"login {fake.host}" in limited.value.hint


# --- tags -----------------------------------------------------------------------------------------


async def test_tags_of_all_pages_newest_first(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes()
    one = SAMPLES["test/single:oci"]
    names = [f"{year}.{month:02}-py3" for year in range(10, 110) for month in range(1, 13)]
    for name in (*names, "latest", "main", f"sha256-{'0' * 64}.sig"):
        fake.put(f"test/many:{name}", one)
    page = await client.tags(f"{fake.host}/test/many", limit=4)
    assert page.repository == f"{fake.host}/test/many"
    assert page.tags == ("latest", "109.12-py3", "109.11-py3", "109.10-py3")
    assert page.total == 1202
    assert len(fake.seen) == 2
    found = await client.tags(f"{fake.host}/test/many:25.08-py3", contains="25. PY3", limit=100)
    assert found.total == 12
    assert found.tags[:2] == ("25.12-py3", "25.11-py3")
    assert len(fake.seen) == 2  # remembered for a minute


async def test_next_page_elsewhere_is_not_followed(
    fakes: Fakes, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, other = fakes(), fakes()
    fake.put("test/many:a", SAMPLES["test/single:oci"])
    real = fake._tags

    def elsewhere(*args: object) -> object:
        answer = real(*args)  # type: ignore[arg-type]
        answer.headers["Link"] = f'<{other.url}/v2/test/single/tags/list>; rel="next"'
        return answer

    monkeypatch.setattr(fake, "_tags", elsewhere)
    assert (await client.tags(f"{fake.host}/test/many")).tags == ("a",)
    assert not other.seen


# --- cache ----------------------------------------------------------------------------------------


async def test_what_has_a_digest_is_asked_for_once(
    fakes: Fakes, clients: Clients, tmp_path: Path
) -> None:
    fake = fakes()
    reference = f"{fake.host}/test/multi:oci"
    first = await clients(cache=tmp_path / "cache").image(reference, "amd64")
    del fake.seen[:]
    again = await clients(cache=tmp_path / "cache").image(reference, "amd64")
    assert again == first
    assert fake.paths() == ["/v2/test/multi/manifests/oci"]
    assert oct((tmp_path / "cache").stat().st_mode)[-3:] == "700"
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes() + b" ")  # as a full disk or a hand may leave it
    assert await clients(cache=tmp_path / "cache").image(reference, "amd64") == first


async def test_a_cache_that_cannot_be_written_is_none(
    fakes: Fakes, clients: Clients, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    fake = fakes()
    found = await clients(cache=tmp_path / "file" / "x").image(
        f"{fake.host}/test/multi:oci", "amd64"
    )
    assert found.architecture == "amd64"


# --- mirrors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "http://{}/", "{}/proxied"])
async def test_mirrors_are_asked_first(form: str, fakes: Fakes, clients: Clients) -> None:
    origin, mirror = fakes(), fakes()
    mirror.put("proxied/test/single:oci", SAMPLES["test/single:oci"])
    client = clients(mirrors={origin.host: [form.format(mirror.host)]})
    found = await client.image(f"{origin.host}/test/single:oci", "amd64")
    assert found.reference == f"{origin.host}/test/single:oci"
    assert mirror.seen
    assert not origin.seen


async def test_a_mirror_is_no_obstacle_and_sees_no_login(
    fakes: Fakes, clients: Clients, store: DockerCredentials
) -> None:
    origin, without, gone = fakes("basic"), fakes("basic"), fakes()
    gone.close()
    log_in(store, origin)
    client = clients(mirrors={origin.host: [gone.host, without.host]})
    found = await client.image(f"{origin.host}/private/single:latest", "amd64")
    assert found.config.labels == {"private": "yes"}
    assert without.seen
    assert not any(seen.authorization for seen in without.seen)


# --- search and logins ----------------------------------------------------------------------------


async def test_search_most_stars_first(fakes: Fakes, clients: Clients) -> None:
    fake = fakes()
    fake.search = [
        {"name": "pytorch/torchserve", "description": "Serve\n it", "star_count": 30},
        {"name": "library/python", "star_count": 9000, "is_official": True},
        {"star_count": 1},
    ]
    client = clients(search_address=f"{fake.url}/v1/search")
    assert await client.search(" py torch&n=1 ") == [
        SearchResult("python", "", 9000, True),
        SearchResult("pytorch/torchserve", "Serve it", 30),
    ]
    assert fake.seen[0].query == {"q": ["py torch&n=1"], "n": ["25"]}
    assert await client.search("  ") == []


@pytest.mark.parametrize("style", STYLES)
async def test_login_is_checked(style: str, fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes(style)
    await client.check_login(fake.host, fake.credential)
    if style == "plain":
        return  # takes everybody
    wrong = Credential(fake.credential.username, "canary-17")
    with pytest.raises(UnauthorizedError) as refused:
        await client.check_login(fake.host, wrong)
    assert "does not take the login of" in refused.value.message
    assert "canary-17" not in str(refused.value)


async def test_no_registry_there(client: RegistryClient, fakes: Fakes) -> None:
    fake = fakes()
    fake.answer = lambda _: (_ for _ in ()).throw(AssertionError)  # type: ignore[method-assign]
    with pytest.raises(RegistryError):
        await client.check_login(fake.host, fake.credential)


# --- concurrency ----------------------------------------------------------------------------------


def test_any_loop_and_many_at_once(fakes: Fakes, client: RegistryClient) -> None:
    fake = fakes("harbor")

    async def look() -> set[str]:
        names = ("single:oci", "single:docker", "multi:oci", "multi:docker")
        looks = [client.image(f"{fake.host}/test/{name}", "amd64") for name in names * 2]
        return {found.id for found in await asyncio.gather(*looks)}

    results: list[set[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(asyncio.run(look()))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert results[0] == results[1]
