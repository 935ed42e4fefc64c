"""The contract (openapi.yaml) and the check of what clients send against it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match

from jupyter_gpu_containers.errors import InvalidRequestError

TEXT = files(__package__).joinpath("openapi.yaml").read_text(encoding="utf-8")
HINT = "The contract is served at gpu-containers/openapi.yaml."


@cache
def document() -> dict[str, Any]:
    """Return openapi.yaml as data; do not change it."""
    # libyaml's where PyYAML has it: eight times as fast
    parsed: dict[str, Any] = yaml.load(TEXT, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return parsed


def validate(schema: str, value: object) -> dict[str, Any]:
    """Return the value, an object that follows ``components/schemas/<schema>``.

    Raises
    ------
    InvalidRequestError
        With the place and the reason; an unknown field is a reason, too.
    """
    error = best_match(_validator(schema).iter_errors(value))
    if error is not None:
        secret = _has_secrets(schema) and error.validator != "required"
        raise InvalidRequestError(_discreet(error) if secret else _sentence(error), HINT)
    if not isinstance(value, dict):  # every schema of a request says so; the type checker asks
        raise InvalidRequestError("The body is not a JSON object.", HINT)
    return value


def query(path: str, method: str, text_of: Callable[[str], str | None]) -> dict[str, Any]:
    """Return an operation's query parameters by name, read and checked as the contract has them.

    Parameters
    ----------
    path : str
        As the contract writes it, such as ``/images/{reference}``.
    method : str
        In small letters.
    text_of : callable
        Gives a parameter as it was sent, None where it was not. Others are not asked for: the
        server's own (``token``) are in the query, too.

    Raises
    ------
    InvalidRequestError
        One is missing, or not what its schema allows.
    """
    values: dict[str, Any] = {}
    for parameter in document()["paths"][path][method].get("parameters", []):
        name, schema = parameter["name"], parameter["schema"]
        text = text_of(name)
        if text is None and parameter.get("required"):
            raise InvalidRequestError(f"The query has no {name}.", HINT)
        values[name] = schema.get("default") if text is None else _read(text, schema["type"])
        error = best_match(Draft202012Validator(schema).iter_errors(values[name]))
        if error is not None:
            raise InvalidRequestError(f"{name}: {error.message[:300]}.", HINT)
    return values


def _read(text: str, kind: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    return text


@cache
def _validator(schema: str) -> Draft202012Validator:
    # OpenAPI 3.1 schemas are JSON Schema 2020-12; references point into "components"
    root = {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]}
    return Draft202012Validator(root, format_checker=FormatChecker())


@cache
def _has_secrets(schema: str) -> bool:
    properties = document()["components"]["schemas"][schema].get("properties", {})
    return any(one.get("writeOnly") for one in properties.values())


def _discreet(error: ValidationError) -> str:
    """Say what is wrong without a word of what was sent: errors are logged."""
    place = {"username": "The user name", "secret": "The secret"}.get(
        str(next(iter(error.absolute_path), "")), "The body"
    )
    return f"{place} is not as the contract has it ({error.validator})."


def _sentence(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)[:100]
    if error.validator == "oneOf":
        return "Name either an environment or an image, and not both."
    if error.validator == "additionalProperties":
        schema: Any = error.schema
        instance: Any = error.instance
        unknown = sorted(set(instance) - set(schema["properties"]))
        return f"Unknown field: {', '.join(unknown)[:200]}."
    return f"{place + ': ' if place else ''}{error.message[:300]}."
