"""Searches what browsers' pages are told for canary secrets: answers of REST, events."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Page, Response, WebSocket

from tests.canaries import SUITE

REST = "/gpu-containers/"
EVENTS = "/api/events/subscribe"


def watch(context: BrowserContext) -> None:
    """Search what all pages of a context get from our REST API and from Jupyter's event bus."""
    context.on("response", _answer)
    context.on("page", _page)


def _page(page: Page) -> None:
    page.on("websocket", _socket)


def _answer(response: Response) -> None:
    kind = response.headers.get("content-type", "")
    if response.status == 404 and kind.startswith("text/html"):
        return  # where our half is missing, Jupyter's own page: it holds the token of who asks
    if urlsplit(response.url).path.startswith(REST):
        told = str(response.headers).encode()
        try:
            told += response.body()
        except Error:  # there is none, or the page is closed by now
            SUITE.counts["pages' answers without a body"] += 1
        SUITE.look("pages' answers", told, f"a page's answer of {response.url}")


def _socket(socket: WebSocket) -> None:
    if urlsplit(socket.url).path == EVENTS:
        socket.on("framereceived", _frame)


def _frame(payload: str | bytes) -> None:
    SUITE.look("pages' events", payload, "an event that a page got")
