"""Hostile requests: what they would find if it were there, and what is sent."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import islice

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.web.contract import validate

from . import careless
from .hostile_corpus import RECIPES, corpus
from .hostile_generated import _batch, _operations
from .hostile_requests import Scale, besiege, figures, log_trouble
from .hostile_state import differences
from .hostile_strangers import Credentials, disguise, effective
from .hostile_targets import ABSENT_VALUES, targets
from .raw_http import Connection, Request

OWNER = Credentials("0123456789abcdef", "_xsrf=2|aa|bbcc|1; username-x=y", "2|aa|bbcc|1")


def test_a_careless_server_is_found_out() -> None:
    scale = Scale(strangers=300, malformed=150, valid=0)
    siege = besiege(scale, seed=4, generated=False, extension=careless.__name__)
    missed = {one.name for one in figures(siege, scale) if not one.met}
    assert missed == {
        "answers of 5xx",
        "tracebacks and errors in the server's log",
        "changes by requests without authorisation",
        "answers that tell them something",
        "answers that are not as openapi.yaml has them",
    }
    assert any("kernels/kept" in line for line in siege.changes)
    assert any("ZeroDivisionError" in entry for entry in siege.trouble)


def test_the_corpus_is_the_same_for_the_same_seed_and_of_all_kinds() -> None:
    one, again, other = (list(islice(corpus(seed), 500)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert {request.kind for request in one} == {
        recipe.__name__.replace("_", " ") for recipe in RECIPES
    }
    assert len(set(one)) > 450


def test_every_change_of_the_contract_is_tried_by_strangers() -> None:
    tried = {
        (one.method, one.target.partition("?")[0])
        for one in islice(effective(1, ABSENT_VALUES), 60)
    }
    changing = [one for one in targets() if one.changes]
    assert {(one.method.upper(), one.address(ABSENT_VALUES)) for one in changing} <= tried


def test_nobody_in_disguise_has_what_authorises() -> None:
    rng = random.Random(1)
    for method in ("GET", "DELETE") * 300:
        sent = disguise(rng, Request("", method, "/gpu-containers/jobs/1"), OWNER)
        headers: dict[str, str] = {}
        for name, value in sent.headers:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        assert headers.get("Authorization") not in (f"token {OWNER.token}", f"Bearer {OWNER.token}")
        assert f"token={OWNER.token}" not in sent.target
        if OWNER.cookie in headers.get("Cookie", "") and "Origin" not in headers:
            assert method == "DELETE"
            assert headers.get("X-XSRFToken") != OWNER.xsrf


def test_what_is_made_of_the_contract_is_not_allowed_by_it() -> None:
    index = next(n for n, one in enumerate(_operations()) if one.label == "POST /launches")
    made = _batch("malformed", 30, (index, 1))
    assert made == _batch("malformed", 30, (index, 1))
    assert len(made) == 30
    refused = 0
    for request in made:
        try:
            validate("NewLaunch", json.loads(request.body))
        except (ValueError, InvalidRequestError):
            refused += 1
    assert refused == len(made)
    for request in _batch("valid", 30, (index, 1)):
        validate("NewLaunch", json.loads(request.body))


def test_errors_in_a_log() -> None:
    log = "[I 2026-01-01 ServerApp] well\n[W 2026 A] Traceback is a word\n[E 2026 A] bad\n  more\n"
    log += "[W 2026 A] x\n    Traceback (most recent call last):\n[I 2026 A] [E is no beginning\n"
    assert [entry.split()[0] for entry in log_trouble(log)] == ["[E", "[W"]
    assert log_trouble("--- Logging error ---\nTraceback (most recent call last):\n") != []


def test_differences_are_told_by_what_they_are() -> None:
    before = {"jobs": [], "files": {"a": "1", "b": "2"}}
    after = {"jobs": [1], "files": {"a": "1", "b": "3", "c": "4"}}
    assert differences(before, before) == []
    assert differences(before, after) == ["file b", "file c", "jobs: [] -> [1]"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_a_server_that_closes_is_told_from_one_that_answers(answer: bytes) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    async def ask() -> int:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            connection = Connection(server.sockets[0].getsockname()[1])
            response = await connection.ask(
                Request("", "GET", "/a", (("X", "\xff"),)), (("Y", "1"),)
            )
            await connection.close()
        return response.status

    assert asyncio.run(ask()) == (204 if answer else 0)
    (head,) = asked
    assert head.startswith(b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:")
    assert head.endswith(b"\r\nY: 1\r\nX: \xff\r\n\r\n")
