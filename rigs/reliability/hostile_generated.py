"""Requests that Schemathesis makes of openapi.yaml: what it does not allow, and what it does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from jupyter_gpu_containers.web.contract import document

from .hostile_targets import PREFIX
from .raw_http import Request

BATCH = 200  # of an operation at a time; the next batch has another seed
LEFT_OUT = (
    "content-length",
    "user-agent",
    "accept-encoding",
    "accept",
    "connection",
    "host",
    "x-schemathesis-testcaseid",
)
# An operation without parameters and body can only be asked rightly.
_MODES = {"malformed": GenerationMode.NEGATIVE, "valid": GenerationMode.POSITIVE}


class Schemathesis:
    """Makes requests in a process of its own, from the moment on that they are asked for."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))

    def __enter__(self) -> Schemathesis:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def requests(self, mode: str, count: int, beginning: int) -> Iterator[Request]:
        """Return about so many requests, operations in turn; the same one comes once.

        Parameters
        ----------
        mode : {"malformed", "valid"}
        count : int
        beginning : int
            Seed; the same requests for the same seed.
        """
        number = len(_operations())
        size = max(1, min(BATCH, -(-count // number)))
        rounds = range(-(-count // (number * size)))
        tasks = [(index, beginning + turn) for turn in rounds for index in range(number)]
        return _distinct(self._pool.map(partial(_batch, mode, size), tasks), beginning)


def _distinct(batches: Iterator[list[Request]], beginning: int) -> Iterator[Request]:
    rng = random.Random(beginning)
    seen: set[Request] = set()
    for batch in batches:
        rng.shuffle(batch)
        for request in batch:
            if request not in seen:
                seen.add(request)
                yield request


@cache
def _operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(document())
    operations = [result.ok() for result in schema.get_all_operations()]
    return [one for one in operations if one.path_parameters or one.query or one.body]


def _batch(mode: str, size: int, task: tuple[int, int]) -> list[Request]:
    index, number = task
    made: list[Request] = []

    @seed(number)
    @settings(
        max_examples=size,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_operations()[index].as_strategy(generation_mode=_MODES[mode]))
    def take(case: Any) -> None:
        made.append(_request(mode, case))

    with suppress(Unsatisfiable):  # of a path of one text nothing can be wrong
        take()
    return made


def _request(mode: str, case: Any) -> Request:
    arguments = case.as_transport_kwargs(base_url=f"http://127.0.0.1{PREFIX}")
    known = ("method", "url", "headers", "data", "json", "params", "files", "cookies")
    prepared = requests.Request(
        **{name: value for name, value in arguments.items() if name in known}
    ).prepare()
    body = prepared.body or b""
    headers = tuple(
        (_text(name), _text(value))
        for name, value in prepared.headers.items()
        if _text(name).lower() not in LEFT_OUT
    )
    return Request(
        f"generated, {mode}",
        str(prepared.method),
        prepared.path_url.encode().decode("latin-1"),
        headers,
        body.encode() if isinstance(body, str) else bytes(body),
    )


def _text(value: str | bytes) -> str:
    data = value.encode() if isinstance(value, str) else value
    return data.decode("latin-1")
