"""Answers that pages ask for again: told shortly where they have them, and compressed."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.web import answers
from tests.contract import check_answer, operation

from .conftest import Api

TORCH = DEMO_IMAGES[1].references[0]
AGAIN = ["/images", "/catalogue", "/gpus", "/launches", "/openapi.yaml"]


class Plain:
    """A client that does nothing by itself, such as unpack."""

    def __init__(self, fetch: Any, base: str, headers: dict[str, str]) -> None:
        self._fetch, self._url, self._headers = fetch, f"{base}gpu-containers", headers

    async def __call__(self, path: str, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._fetch(
            f"{self._url}{path}",
            headers={**self._headers, **named},
            decompress_response=False,
            raise_error=False,
        )


@pytest.fixture
def plain(api: Api, http_server_client: Any, jp_base_url: str, jp_auth_header: Any) -> Plain:
    return Plain(http_server_client.fetch, jp_base_url, jp_auth_header)


@pytest.mark.parametrize("path", AGAIN)
async def test_what_the_page_has_is_not_sent_again(plain: Plain, path: str) -> None:
    first = await plain(path)
    assert first.code == 200
    tag = first.headers["ETag"]
    for named in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        same = await plain(path, If_None_Match=named)
        assert (same.code, same.body, same.headers["ETag"]) == (304, b"", tag)
        assert same.headers["Cache-Control"] == "no-store"  # the page keeps it, not the browser
        if path != "/openapi.yaml":
            check_answer(operation("GET", path), same.code, same.headers, same.body)
    assert (await plain(path, If_None_Match='"other"')).body == first.body


async def test_a_change_is_sent(api: Api, plain: Plain) -> None:
    tag = (await plain("/images")).headers["ETag"]
    await api("POST", "/images", {"source": TORCH, "reference": "example.org/mine:1"})
    changed = await plain("/images", If_None_Match=tag)
    assert changed.code == 200
    assert b"example.org/mine:1" in changed.body
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize("path", ["/images", "/catalogue", "/openapi.yaml"])
async def test_it_is_compressed_for_who_takes_that(plain: Plain, path: str) -> None:
    whole = await plain(path)
    packed = await plain(path, Accept_Encoding="br, gzip;q=0.8")
    assert "Content-Encoding" not in whole.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == whole.body
    assert len(packed.body) < len(whole.body) / 2
    assert int(packed.headers["Content-Length"]) == len(packed.body)
    for answer in (whole, packed):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["ETag"] == whole.headers["ETag"]
        assert answer.headers["Content-Type"] == whole.headers["Content-Type"]
    again = await plain(path, Accept_Encoding="gzip", If_None_Match=whole.headers["ETag"])
    assert (again.code, again.body) == (304, b"")
    assert "Content-Encoding" not in again.headers


async def test_what_may_hold_others_secrets_is_never_compressed(api: Api, plain: Plain) -> None:
    """Its length would tell; see BREACH. A launch's error has a kernel's last lines."""
    for _ in range(5):
        await api("POST", "/launches", {"image": "no/such:1", "gpus": 0})
    launches = await plain("/launches", Accept_Encoding="gzip")
    assert len(launches.body) > answers.WORTH
    assert "Content-Encoding" not in launches.headers
    assert len(json.loads(launches.body)["launches"]) == 5


@pytest.mark.parametrize("path", ["/limits", "/status", "/jobs", "/registries", "/environments"])
async def test_others_are_neither_compressed_nor_hashed(plain: Plain, path: str) -> None:
    answer = await plain(path, Accept_Encoding="gzip", If_None_Match="*")
    assert answer.code == 200
    assert not {"Etag", "Content-Encoding", "Vary"} & set(answer.headers)


async def test_a_failure_has_neither(plain: Plain) -> None:
    answer = await plain("/nothing", Accept_Encoding="gzip", If_None_Match="*")
    assert answer.code == 404
    assert not {"Etag", "Content-Encoding"} & set(answer.headers)


async def test_a_stranger_is_not_told_that_it_is_the_same(plain: Plain) -> None:
    plain._headers = {}
    assert (await plain("/images", If_None_Match="*")).code == 403


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("*", True),
        ("*;q=0", False),
        ("identity, *;q=0.1, gzip;q=0", False),
        ("x-gzip", False),
        ("gzip;q=1.2.3", False),
        ("gzip;q=-1, *;q=0", False),
        ("gzip;level=9", False),
        (";;,,q=1", False),
    ],
)
def test_who_takes_it(header: str, taken: bool) -> None:
    assert answers.takes_gzip(header) is taken
