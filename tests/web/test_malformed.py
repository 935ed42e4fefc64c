"""Requests that cannot be meant: refused in words, and nothing of the server stumbles."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from jupyter_gpu_containers.web.base import MAX_DEPTH

from .conftest import Api

HALF = '"\\ud800"'  # of a character, which UTF-8 cannot write
NESTED = "[" * MAX_DEPTH + "]" * MAX_DEPTH


@pytest.fixture(autouse=True)
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is refused, the server says nothing of errors and shows no traceback."""
    yield
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f'{{"image": {HALF}}}', "The body is not JSON."),
        (f'{{{HALF}: "a"}}', "The body is not JSON."),
        ('{"image": "a", "memory": NaN}', "The body is not JSON."),
        ('{"image": "a", "memory": -Infinity}', "The body is not JSON."),
        ('{"image": ' + "[" * 20_000 + "]" * 20_000 + "}", "The body is not JSON."),
        ('{"image": ' + "[" * 940 + "]" * 940 + "}", "The body nests deeper than 16 levels."),
        (f'{{"image": {NESTED}}}', "The body nests deeper than 16 levels."),
    ],
)
async def test_bodies_that_python_alone_would_take(api: Api, body: str, message: str) -> None:
    for path in ("/launches", "/environments"):
        response = await api.fetch("POST", path, body=body)
        assert (response.code, json.loads(response.body)["code"]) == (400, "malformed_request")
        assert json.loads(response.body)["message"] == message


async def test_a_body_that_nests_less_deep_is_judged_by_the_contract(api: Api) -> None:
    response = await api.fetch("POST", "/environments", body=f'{{"image": {NESTED[1:-1]}}}')
    assert (response.code, json.loads(response.body)["code"]) == (422, "invalid_request")


async def test_half_a_character_in_a_secret_is_not_repeated(api: Api) -> None:
    body = '{"username": "me", "secret": "hunter2\\udfff"}'
    response = await api.fetch("POST", "/registries/quay.io/login", body=body)
    assert response.code == 400
    assert b"hunter2" not in response.body
    assert (await api("GET", "/registries")).json == {"registries": []}


@pytest.mark.parametrize("name", ["Origin", "Referer"])
@pytest.mark.parametrize("path", ["/gpus", "/no/such"])
@pytest.mark.parametrize("known", [True, False])
async def test_an_address_of_origin_that_is_none(
    api: Api, jp_auth_header: dict[str, str], name: str, path: str, known: bool
) -> None:
    headers = {**(jp_auth_header if known else {}), name: "http://["}
    response = await api.fetch("GET", path, headers=headers)
    assert response.code == 400
    assert json.loads(response.body)["message"] == f"The header {name} is not a URL."
