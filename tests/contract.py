"""Answers of the REST API held to openapi.yaml, by whatever client they were fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from jupyter_gpu_containers.web.contract import document


def operation(method: str, path: str) -> dict[str, Any]:
    """Return the contract's operation for a path below the prefix.

    Raises
    ------
    LookupError
        The contract knows no such operation.
    """
    plain = path.partition("?")[0]
    for pattern, item in _paths():
        if pattern.fullmatch(plain) and method.lower() in item:
            return dict(item[method.lower()])
    raise LookupError(f"openapi.yaml has no {method} {path}")


def check_answer(
    promised: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes
) -> Any:
    """Return the JSON of an answer after comparing all of it with what an operation promises.

    Raises
    ------
    AssertionError, jsonschema.ValidationError
        It is something else.
    """
    found = promised["responses"].get(str(status))
    if found is None:
        assert status >= 400, f"{status} is not in the contract"
        found = promised["responses"]["default"]
    if "$ref" in found:
        found = document()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    present = {name.lower() for name in headers}
    for header in found.get("headers", {}):
        assert header.lower() in present, f"no {header}"
    if "content" not in found:
        assert body == b"", body[:200]
        return None
    if "text/plain" in found["content"]:
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        return body.decode()
    return check_json(found["content"]["application/json"]["schema"], headers, body)


def check_error(headers: Mapping[str, str], body: bytes) -> Any:
    """Return a failure in words; like `check_answer` where the contract knows no such operation."""
    return check_json({"$ref": "#/components/schemas/Error"}, headers, body)


def check_json(schema: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> Any:
    """Return JSON that follows a schema of the contract."""
    assert headers["Content-Type"].partition(";")[0] == "application/json", headers["Content-Type"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    value = json.loads(body)
    _validator(json.dumps(schema)).validate(value)
    return value


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    patterns = []
    for template, item in document()["paths"].items():
        pattern = template.replace("{reference}", ".+")  # alone may hold slashes
        patterns.append((re.compile(re.sub(r"{\w+}", "[^/]+", pattern)), item))
    return patterns


@cache
def _validator(schema: str) -> Draft202012Validator:
    root = {**json.loads(schema), "components": document()["components"]}
    return Draft202012Validator(root, format_checker=FormatChecker())
