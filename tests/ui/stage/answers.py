"""Answers of the REST API that a state needs and no server gives at will.

Each is held to openapi.yaml before the page sees it; what is not answered here is answered by the
server behind the page.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Page, Route

from tests.contract import check_answer, operation

HEADERS = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Location": "somewhere",
    "Retry-After": "60",
    "Vary": "Accept-Encoding",
}
TEXT = "text/plain; charset=utf-8"
_CACHE_BUSTER = re.compile(r"[?&]\d+$")  # JupyterLab's, on what may not come from a cache


class Answers:
    """What a page is answered instead of what the server says.

    Parameters
    ----------
    page : Page
    prefix : str
        URL of the REST API, with the slash at its end.
    """

    def __init__(self, page: Page, prefix: str) -> None:
        self._prefix = prefix
        self._answers: dict[str, tuple[int, bytes, dict[str, str]] | None] = {}
        self._held: list[Route] = []
        page.route(re.compile(f"^{re.escape(prefix)}"), self._route)

    def give(self, what: str, body: object, status: int = 200) -> None:
        """Answer ``GET gpus`` and the like; without a query, whatever the query."""
        content = b"" if body is None else json.dumps(body).encode()
        self._give(what, status, content, HEADERS)

    def give_text(self, what: str, text: str) -> None:
        """Answer ``GET launches/…/log`` with plain text."""
        self._give(what, 200, text.encode(), {**HEADERS, "Content-Type": TEXT})

    def _give(self, what: str, status: int, content: bytes, headers: dict[str, str]) -> None:
        method, path = what.split(" ", 1)
        headers = {**headers, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        check_answer(operation(method, f"/{path}"), status, headers, content)
        self._answers[what] = (status, content, headers)

    def hold(self, what: str) -> None:
        """Let the page wait for an answer until `clear`."""
        self._answers[what] = None

    def texts(self) -> set[str]:
        """Every text that the page was told."""
        found: set[str] = set()

        def collect(value: object) -> None:
            if isinstance(value, str):
                found.add(value)
            elif isinstance(value, dict | list):
                for inner in value.values() if isinstance(value, dict) else value:
                    collect(inner)

        for answer in self._answers.values():
            if answer and answer[1]:
                _, content, headers = answer
                is_text = headers["Content-Type"] == TEXT
                collect(content.decode() if is_text else json.loads(content))
        return found

    def clear(self) -> None:
        """Let the server answer again, also what was held back."""
        self._answers.clear()
        for route in self._held:
            route.continue_()
        self._held.clear()

    def _route(self, route: Route) -> None:
        request = route.request
        url = unquote(_CACHE_BUSTER.sub("", request.url.removeprefix(self._prefix)))
        for what in (f"{request.method} {url}", f"{request.method} {urlsplit(url).path}"):
            if what in self._answers:
                answer = self._answers[what]
                if answer is None:
                    self._held.append(route)
                else:
                    status, content, headers = answer
                    route.fulfill(status=status, headers=headers, body=content)
                return
        route.continue_()


def problem(code: str, message: str, hint: str = "", **more: Any) -> dict[str, Any]:
    """Return a failure in words."""
    return {"code": code, "message": message, "hint": hint, **more}
