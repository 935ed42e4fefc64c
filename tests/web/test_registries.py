"""Registries: tags, search, logins that are checked first, and secrets that stay where they are."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory.remote import WRONG

from .conftest import Api

SECRET = "nvapi-0123456789"
PRIVATE = "nvcr.io/nvidia/private:1"


async def test_tags(api: Api) -> None:
    answer = await api("GET", "/registries/nvcr.io/tags?repository=nvidia/pytorch")
    assert answer.status == 200
    assert answer.json["repository"] == "nvcr.io/nvidia/pytorch"
    assert answer.json["total"] == len(answer.json["tags"]) > 1
    one = await api(
        "GET", "/registries/nvcr.io/tags?repository=nvidia/pytorch&contains=py3&limit=1"
    )
    assert len(one.json["tags"]) == 1
    assert "py3" in one.json["tags"][0]
    assert one.json["total"] > 1


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("repository=no/such", 404, "tag_unknown", ""),
        ("", 422, "invalid_request", "The query has no repository."),
        ("repository=", 422, "invalid_request", "repository: '' should be non-empty."),
        ("repository=Not%20One", 422, "invalid_image_reference", ""),
        ("repository=a/b&limit=0", 422, "invalid_request", "limit: 0 is less than the minimum"),
        ("repository=a/b&limit=ten", 422, "invalid_request", "limit: 'ten' is not of type"),
        ("repository=a/b&limit=%C2%B2", 422, "invalid_request", "limit: '²' is not of type"),
    ],
)
async def test_tags_that_are_not_there(
    api: Api, query: str, status: int, code: str, message: str
) -> None:
    answer = await api("GET", f"/registries/nvcr.io/tags?{query}")
    assert (answer.status, answer.json["code"]) == (status, code)
    assert message in answer.json["message"]


async def test_search(api: Api) -> None:
    answer = await api("GET", "/search?q=PyTorch&limit=5")
    assert answer.status == 200
    assert "pytorch/pytorch" in [result["name"] for result in answer.json["results"]]
    assert (await api("GET", "/search?q=nothing-of-this-name")).json == {"results": []}
    assert (await api("GET", "/search")).json["message"] == "The query has no q."


async def test_a_login_comes_and_goes_and_opens_what_is_private(
    api: Api, docker_config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await api("GET", "/registries")).json == {"registries": []}
    closed = await api("GET", f"/images/{PRIVATE}")
    assert (closed.status, closed.json["code"]) == (403, "registry_unauthorized")
    kept = await api("POST", "/registries/nvcr.io/login", {"secret": SECRET})
    assert kept.status == 200
    file = docker_config / "config.json"
    assert kept.json == {"host": "nvcr.io", "username": "$oauthtoken", "kept_in": str(file)}
    assert file.stat().st_mode & 0o777 == 0o600
    registries = await api("GET", "/registries")
    assert registries.json == {"registries": [{"host": "nvcr.io", "username": "$oauthtoken"}]}
    assert (await api("GET", f"/images/{PRIVATE}")).status == 200
    assert (await api("DELETE", "/registries/nvcr.io/login")).status == 204
    assert (await api("DELETE", "/registries/nvcr.io/login")).status == 204
    assert (await api("GET", "/registries")).json == {"registries": []}
    assert SECRET not in json.dumps([closed.json, kept.json, registries.json]) + caplog.text


@pytest.mark.parametrize(
    ("host", "body", "status", "code"),
    [
        ("quay.io", {"username": "me", "secret": WRONG}, 403, "registry_unauthorized"),
        ("quay.io", {"secret": SECRET}, 422, "invalid_request"),
        ("quay.io", {"username": "me"}, 422, "invalid_request"),
        ("quay.io", {"username": "me", "secret": ""}, 422, "invalid_request"),
        ("quay.io", {"username": "me", "secret": "\n"}, 422, "invalid_request"),
        ("not%20one", {"username": "me", "secret": SECRET}, 422, "invalid_request"),
    ],
)
async def test_a_login_that_is_refused_is_not_kept(
    api: Api, docker_config: Path, host: str, body: object, status: int, code: str
) -> None:
    answer = await api("POST", f"/registries/{host}/login", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert SECRET not in json.dumps(answer.json)
    assert not (docker_config / "config.json").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"username": "me", "secret": [SECRET]},
        {"username": "me", "secret": SECRET * 2000},
        {"username": "me", "secret": "s", SECRET: "x"},
        SECRET,
        [SECRET],
    ],
)
async def test_a_body_that_does_not_fit_is_not_repeated(
    api: Api, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await api("POST", "/registries/quay.io/login", body)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert SECRET not in json.dumps(answer.json) + caplog.text
