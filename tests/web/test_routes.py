"""The contract and the handlers name the same addresses, and none is open to strangers."""

import json
import re
from typing import Any

import pytest
import yaml
from jupyter_server.auth.authorizer import Authorizer

from jupyter_gpu_containers.web.base import PREFIX
from jupyter_gpu_containers.web.contract import document
from jupyter_gpu_containers.web.routes import handlers

from .conftest import Api

METHODS = ("get", "post", "put", "patch", "delete")
OWN = {(f"{PREFIX}/openapi.yaml", "get")}  # the contract does not describe itself
EXAMPLES = {
    "reference": "pytorch/pytorch:2.6.0",
    "name": "torch",
    "id": "0" * 8,
    "host": "nvcr.io",
}


def contract_operations() -> set[tuple[str, str]]:
    return {
        (PREFIX + path, method)
        for path, item in document()["paths"].items()
        for method in item
        if method in METHODS
    }


def address(path: str) -> str:
    """Fill a path's parameters with examples."""
    return re.sub(r"{(\w+)}", lambda match: EXAMPLES[match[1]], path)


def handled(path: str, method: str) -> bool:
    """Whether the first handler that matches an address has the method."""
    for pattern, handler in handlers[:-1]:  # the last one answers 404 to everything
        if re.fullmatch(pattern, path):
            return method in vars(handler)
    return False


@pytest.mark.parametrize(("path", "method"), sorted(contract_operations()))
def test_every_operation_of_the_contract_has_a_handler(path: str, method: str) -> None:
    assert handled(address(path), method)


def test_every_handler_is_in_the_contract() -> None:
    promised = {(address(path), method) for path, method in contract_operations()} | OWN
    found = set()
    for path in {address(path) for path, _ in promised}:
        found |= {(path, method) for method in METHODS if handled(path, method)}
    assert found == promised
    matched = {
        next(pattern for pattern, _ in handlers if re.fullmatch(pattern, path))
        for path, _ in promised
    }
    assert matched == {pattern for pattern, _ in handlers[:-1]}


EVERY = [*sorted(contract_operations() | OWN), (f"{PREFIX}/no/such", "get"), (PREFIX, "post")]
CHANGES = [(path, method) for path, method in EVERY if method != "get"]


async def statuses(api: Api, operations: list[tuple[str, str]], **request: Any) -> dict[str, Any]:
    """Return status and error code of each operation."""
    found = {}
    for path, method in operations:
        where = address(path).removeprefix(PREFIX)
        response = await api.fetch(method.upper(), where, **request)
        found[f"{method} {path}"] = (response.code, json.loads(response.body)["code"])
    return found


def all_forbidden(operations: list[tuple[str, str]]) -> dict[str, Any]:
    return {f"{method} {path}": (403, "forbidden") for path, method in operations}


async def test_no_token_no_answer(api: Api) -> None:
    assert await statuses(api, EVERY, headers={}) == all_forbidden(EVERY)


class ReadOnly(Authorizer):
    """Lets everybody read and nobody change anything of ours."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read" or resource != "gpu-containers"


class NothingOfOurs(Authorizer):
    """Denies the resource as a whole."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "gpu-containers"


class TestReadOnly:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = ReadOnly
        return jp_server_config

    async def test_changes_are_denied(self, api: Api) -> None:
        for path in ("", "/images"):  # what was allowed before allows nothing after
            await api.fetch("GET", path)
        assert await statuses(api, CHANGES, body="{}") == all_forbidden(CHANGES)

    async def test_reading_is_allowed(self, api: Api) -> None:
        assert (await api("GET", "/gpus")).status == 200


class TestNothingOfOurs:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = NothingOfOurs
        return jp_server_config

    async def test_everything_is_denied(self, api: Api) -> None:
        assert await statuses(api, EVERY, body="{}") == all_forbidden(EVERY)


async def test_a_cookie_alone_reads_but_changes_nothing(
    api: Api, jp_serverapp: Any, http_server_client: Any, jp_base_url: str
) -> None:
    async def cookies_of(path: str) -> list[str]:
        page = await http_server_client.fetch(jp_base_url + path)
        return [header.partition(";")[0] for header in page.headers.get_list("Set-Cookie")]

    login = await cookies_of(f"api/status?token={jp_serverapp.identity_provider.token}")
    headers = {"Cookie": "; ".join(login)}
    assert (await api.fetch("GET", "/gpus", headers=headers)).code == 200
    assert await statuses(api, CHANGES, body="{}", headers=headers) == all_forbidden(CHANGES)
    (xsrf,) = await cookies_of("login")
    headers = {"Cookie": "; ".join([*login, xsrf]), "X-XSRFToken": xsrf.partition("=")[2]}
    assert (await api.fetch("POST", "/launches", body="{}", headers=headers)).code == 422


async def test_other_addresses_answer_in_json(api: Api) -> None:
    nothing = {"code": "not_found", "message": "There is nothing at this address.", "hint": ""}
    for path in ("", "/", "/no", "/gpus/", "/images/", "/launches/a/b"):
        for method in METHODS:
            body = None if method == "get" else "{}"
            response = await api.fetch(method.upper(), path, body=body)
            assert (response.code, json.loads(response.body)) == (404, nothing)


async def test_other_methods_answer_in_json(api: Api) -> None:
    response = await api.fetch("PUT", "/gpus", body="{}")
    assert response.code == 405
    assert json.loads(response.body)["code"] == "method_not_allowed"


async def test_the_contract_is_served(api: Api) -> None:
    response = await api.fetch("GET", "/openapi.yaml")
    assert response.code == 200
    assert response.headers["Content-Type"] == "application/yaml"
    assert yaml.safe_load(response.body) == document()


def test_the_contract_is_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_handlers_stay_thin() -> None:
    for _, handler in handlers:
        for method in METHODS:
            if method in vars(handler):
                code = vars(handler)[method].__wrapped__.__wrapped__.__code__
                lines = {line for _, _, line in code.co_lines() if line}
                assert max(lines) - min(lines) < 12, f"{handler.__name__}.{method}"
