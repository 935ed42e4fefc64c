"""What a server answers to hostile requests, and what is wrong about it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from jsonschema import ValidationError

from tests.contract import check_answer, check_error, operation

from .hostile_targets import PREFIX
from .raw_http import Request, Response

SHOWN = 10  # problems of a kind that are printed
OUR_METHODS = ("GET", "POST", "PATCH", "DELETE")
# The demonstration reaches four registries; of others it says so, with 503 as the contract has it.
UNREACHABLE = "registry_unreachable"


@dataclass
class Tally:
    """What came of the requests."""

    sent: Counter[str] = field(default_factory=Counter)  # by kind
    statuses: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    unreachable: int = 0
    accepted: int = 0  # of those that are authorised and change something
    slowest: tuple[float, str] = (0.0, "")  # seconds, and of what kind it was

    def problem(self, what: str, request: Request, said: object) -> None:
        """Count a problem and print the first ones."""
        self.problems[what] += 1
        if self.problems[what] <= SHOWN:
            line = f"{request.kind}: {request.method} {request.target[:200]!r}"
            headers = [(name[:40], value[:80]) for name, value in request.headers[:4]]
            print(
                f"{what}: {line} {headers} {request.body[:300]!r} -> {str(said)[:400]}",
                file=sys.stderr,
            )


def judge(tally: Tally, request: Request, response: Response, *, authorised: bool) -> None:
    """Count an answer, and what is wrong about it."""
    tally.sent[request.kind] += 1
    if not request.abandoned:
        tally.statuses[response.status] += 1
    if response.status == 0:
        if request.answered:
            tally.problem("no answer", request, "the connection was closed")
        return
    path = request.target.partition("?")[0]
    ours = path == PREFIX or path.startswith(f"{PREFIX}/")
    if response.status == 503 and ours and _code(response) == UNREACHABLE:
        tally.unreachable += 1
    elif response.status >= 500:
        tally.problem("5xx", request, (response.status, response.body))
    if not authorised and response.status < (400 if ours else 300) and request.method != "OPTIONS":
        tally.problem("told a stranger", request, (response.status, response.body))
    if authorised and response.status < 300 and request.method in ("POST", "PATCH", "DELETE"):
        tally.accepted += 1
    # what Tornado refuses before it knows the address has no such header
    if ours and request.answered and "Server" in response.headers:
        try:
            _check(request, path, response)
        except (AssertionError, ValidationError, ValueError, LookupError) as exc:
            tally.problem("contract", request, f"{response.status} {exc!r:.200} {response.body!r}")


def _check(request: Request, path: str, response: Response) -> None:
    if request.method in ("HEAD", "OPTIONS"):
        assert response.status in (200, 400, 403, 404, 405), response.status
        return
    if response.status == 304 and any(name == "If-None-Match" for name, _ in request.headers):
        return
    try:
        promised = operation(request.method, path.removeprefix(PREFIX))
        assert request.method in OUR_METHODS  # and not "get"
    except (LookupError, AssertionError):
        if path == f"{PREFIX}/openapi.yaml" and response.status == 200:
            return
        assert response.status >= 400, response.status
        check_error(response.headers, response.body)
        return
    check_answer(promised, response.status, response.headers, response.body)


def _code(response: Response) -> Any:
    try:
        return check_error(response.headers, response.body)["code"]
    except (AssertionError, ValidationError, ValueError, LookupError):
        return None
