"""A page of another server on the same host has this server's cookies, and gets nothing (T11).

Cookies know no ports: a page of somebody else's server at another port of this name sends them
along, and can read the one against cross-site requests. What it cannot change is its origin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from .conftest import Api
from .test_routes import CHANGES, EVERY, PREFIX, address

Theirs = Callable[[], Awaitable[dict[str, str]]]


@pytest.fixture
def stolen(jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> Theirs:
    """Return all that a page of a neighbour's can send."""

    async def cookies_of(path: str) -> list[str]:
        page = await http_server_client.fetch(jp_base_url + path)
        return [header.partition(";")[0] for header in page.headers.get_list("Set-Cookie")]

    async def headers() -> dict[str, str]:
        login = await cookies_of(f"api/status?token={jp_serverapp.identity_provider.token}")
        (xsrf,) = await cookies_of("login")
        return {"Cookie": "; ".join([*login, xsrf]), "X-XSRFToken": xsrf.partition("=")[2]}

    return headers


async def test_the_same_origin_is_let_in(api: Api, stolen: Theirs, jp_serverapp: Any) -> None:
    """So what is refused below is refused for its origin."""
    host = f"127.0.0.1:{jp_serverapp.port}"
    headers = {**await stolen(), "Host": host, "Origin": f"http://{host}"}
    assert (await api.fetch("POST", "/launches", body="{}", headers=headers)).code == 422
    assert (await api.fetch("GET", "/gpus", headers=headers)).code == 200


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:1", "https://127.0.0.1", "http://evil.example", "null", "file://"]
)
async def test_a_page_of_another_server_on_this_host_changes_nothing(
    api: Api, stolen: Theirs, origin: str
) -> None:
    before = (len(api.services.launches.list()), len(api.services.jobs.list()))
    cookies = await stolen()
    for path, method in CHANGES:
        where = address(path).removeprefix(PREFIX)
        headers = {**cookies, "Origin": origin}
        response = await api.fetch(method.upper(), where, body="{}", headers=headers)
        assert response.code in (403, 404), f"{method} {path}"
        assert "Access-Control-Allow-Origin" not in response.headers
    assert (len(api.services.launches.list()), len(api.services.jobs.list())) == before


async def test_nor_does_it_read(api: Api, stolen: Theirs) -> None:
    cookies = await stolen()
    for path, method in EVERY:
        if method == "get":
            headers = {**cookies, "Origin": "http://127.0.0.1:1"}
            response = await api.fetch("GET", address(path).removeprefix(PREFIX), headers=headers)
            assert response.code in (403, 404), path
            assert "Access-Control-Allow-Origin" not in response.headers
