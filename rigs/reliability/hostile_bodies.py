"""Hostile bodies: what is no JSON, what the contract does not allow, and what is too much."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .hostile_targets import ABSENT_VALUES, Target, any_body
from .hostile_values import BODIES, TYPES, VALUES
from .raw_http import Request

Recipe = Callable[[random.Random, Target], Request]

JSON = (("Content-Type", "application/json"),)


def plain(rng: random.Random, target: Target, body: bytes | None = None) -> Request:
    text = any_body(rng, target) if body is None else body
    return Request("", target.method.upper(), target.address(ABSENT_VALUES), JSON, text)


def fields(rng: random.Random, target: Target) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a body, the object in it that has a field, and the field."""
    body = json.loads(any_body(rng, target))
    inner = body["build"] if "build" in body and rng.random() < 0.6 else body
    return body, inner, rng.choice(sorted(inner))


def bad_json(rng: random.Random, target: Target) -> Request:
    return plain(rng, target, rng.choice(BODIES))


def cut_off_json(rng: random.Random, target: Target) -> Request:
    body = any_body(rng, target)
    return plain(rng, target, body[: rng.randrange(1, len(body))])


def damaged_json(rng: random.Random, target: Target) -> Request:
    body = bytearray(any_body(rng, target))
    for _ in range(rng.randint(1, 3)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return plain(rng, target, bytes(body))


def noise(rng: random.Random, target: Target) -> Request:
    return plain(rng, target, rng.randbytes(rng.randint(1, 300)))


def deep_nesting(rng: random.Random, target: Target) -> Request:
    # around Python's limit of recursion, where the parser still can what comes after it cannot
    depth = rng.choice([100, rng.randint(150, 1000), rng.randint(800, 1000), 5000, 30000])
    opened, closed = rng.choice([("[", "]"), ('{"a":', "}")])
    deep = opened * depth + "1" + closed * depth
    if rng.random() < 0.4:
        return plain(rng, target, deep.encode())
    body, inner, field = fields(rng, target)
    inner[rng.choice([field, "unknown"])] = "DEEP"
    return plain(rng, target, json.dumps(body).replace('"DEEP"', deep).encode())


def hostile_value(rng: random.Random, target: Target) -> Request:
    body, inner, field = fields(rng, target)
    inner[field] = rng.choice(VALUES)
    return plain(rng, target, json.dumps(body).encode())


def hostile_text(rng: random.Random, target: Target) -> Request:
    body, inner, field = fields(rng, target)
    alphabet = "\x00\x01\x1b\x7f\x85\u2028\u202e\ufeff\ufffe\ud800\udfff💥é./:@-_~%\\\"'<>&;$` aA0"
    inner[field] = "".join(rng.choices(alphabet, k=rng.randint(1, 40)))
    return plain(rng, target, json.dumps(body).encode())


def huge_number(rng: random.Random, target: Target) -> Request:
    digits = "9" * rng.choice([18, 19, 20, 40, 308, 309, 4300, 4301, 20000])
    number = rng.choice(["", "-"]) + rng.choice(
        [digits, f"{digits}e{digits[:3]}", "1e999", "1e-999"]
    )
    body, inner, field = fields(rng, target)
    inner[field] = "NUMBER"
    return plain(rng, target, json.dumps(body).replace('"NUMBER"', number).encode())


def duplicate_keys(rng: random.Random, target: Target) -> Request:
    body = json.loads(any_body(rng, target))
    pairs = [*body.items(), *((key, rng.choice(VALUES)) for key in body)]
    rng.shuffle(pairs)
    text = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
    return plain(rng, target, f"{{{text}}}".encode())


def unknown_field(rng: random.Random, target: Target) -> Request:
    body, inner, _ = fields(rng, target)
    names = ["", "__class__", "privileged", "\x00", "\ud800", "a" * 3000, "gpus ", "Image", "$ref"]
    inner[rng.choice(names)] = rng.choice(VALUES)
    return plain(rng, target, json.dumps(body).encode())


def missing_field(rng: random.Random, target: Target) -> Request:
    _, inner, field = fields(rng, target)
    inner.pop(field)
    return plain(rng, target, json.dumps(inner).encode())


def overlong_body(rng: random.Random, target: Target) -> Request:
    body, inner, field = fields(rng, target)
    inner[field] = "x" * rng.choice([65000, 65536, 70000, 300_000])
    return plain(rng, target, json.dumps(body).encode())


def body_where_none_belongs(rng: random.Random, target: Target) -> Request:
    return replace(
        plain(rng, target, rng.choice(BODIES) or b"{}"), method=rng.choice(["GET", "DELETE"])
    )


def wrong_content_type(rng: random.Random, target: Target) -> Request:
    encoding = rng.choice([(), (("Content-Encoding", rng.choice(["gzip", "br", "x", "\xff"])),)])
    headers = (("Content-Type", rng.choice(TYPES)), *encoding)
    return replace(plain(rng, target), headers=headers)


RECIPES: tuple[Recipe, ...] = (
    *(
        bad_json,
        cut_off_json,
        damaged_json,
        noise,
        deep_nesting,
        hostile_value,
        hostile_text,
        huge_number,
        duplicate_keys,
        unknown_field,
        missing_field,
        overlong_body,
        body_where_none_belongs,
        wrong_content_type,
    ),
)
