"""What the page asks for by itself: little at rest, nothing while hidden; it is told the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, WebSocket, expect

from tests.canary_pages import EVENTS

from .conftest import OpenNotebook
from .page import NotebookPage
from .server import LabServer

pytestmark = pytest.mark.ui

REST = 30  # seconds of the page's clock for which it is watched
SHORTEST = 2  # seconds of that clock between two requests
SOON = 3  # seconds of that clock; by itself the page asks for images every 40
IMAGE = "nvcr.io/nvidia/pytorch:25.08-py3"
LOAD = "https://events.jupyter-gpu-containers.dev/gpu-load/v1"
GIB = 1 << 30

# Another tab comes before this one: what the browser then says to a page, and how it says so.
HIDE = """isHidden => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden });
  Object.defineProperty(document, 'visibilityState', {
    configurable: true, get: () => (isHidden ? 'hidden' : 'visible')
  });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
NOW = "() => Date.now() / 1000"
# What has arrived has been worked through: by another way than a timer, which would stand still.
TAKEN_IN = """() => new Promise(done => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done();
  port2.postMessage(0);
})"""


class Time:
    """The page's clock, which stands still but where it is told to go on.

    What is asked of us is written down, with the seconds that the clock showed.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._under_way: list[Request] = []
        self._asked: list[tuple[int, str]] = []
        self._second = 0
        self.events: list[WebSocket] = []
        page.clock.install()
        page.on("request", self._note)
        page.on("websocket", self._socket)

    def stop(self) -> None:
        """Stop the clock."""
        self._page.clock.pause_at(self._page.evaluate(NOW) + 1)
        self._settle()

    def run(self, seconds: int) -> None:
        """Let the page's time pass, and what it asks in each second be answered."""
        for _ in range(seconds):
            self._second += 1
            self._page.clock.run_for(1000)
            self._settle()

    @contextmanager
    def asked(self) -> Iterator[list[tuple[int, str]]]:
        """What is asked of us meanwhile, each with its second."""
        self._asked = []
        yield self._asked

    def until(self, seen: Callable[[], bool], most: int) -> None:
        """Let time pass until something is seen."""
        for _ in range(most):
            if seen():
                return
            self.run(1)
        raise AssertionError(f"not in {most} seconds")

    def _settle(self) -> None:
        self._page.evaluate(TAKEN_IN)
        while self._under_way:
            answer = self._under_way.pop().response()
            assert answer is not None
            if answer.status != 304:  # which has no body, whose end the browser would tell
                answer.finished()
            self._page.evaluate(TAKEN_IN)

    def _note(self, request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith("/gpu-containers/"):
            self._under_way.append(request)
            self._asked.append((self._second, f"{request.method} {path}"))

    def _socket(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).path == EVENTS:
            self.events.append(socket)


def told(lab: LabServer, data: dict[str, Any]) -> None:
    """Put a load on the event bus, as the server does where there is a real GPU."""
    lab.request("api/events", "POST", {"schema_id": LOAD, "version": "1", "data": data})


@contextmanager
def heard(time: Time, word: str) -> Iterator[None]:
    """Wait until the page has been told of something, by an event with this word."""
    with time.events[-1].expect_event("framereceived", lambda frame: word in str(frame)):
        yield


def test_little_is_asked_at_rest_nothing_while_hidden_and_changes_are_told(
    demo: OpenNotebook, page: Page
) -> None:
    time = Time(page)
    notebook = demo()
    lab, mine = notebook.lab, notebook.image("example.org/mine")
    panel = notebook.open_panel()
    expect(panel.get_by_label("GPUs", exact=True)).to_contain_text("2 of 2 free")
    expect(panel.get_by_label("Images", exact=True)).to_contain_text("PyTorch 25.08")
    time.stop()
    time.run(3)  # for the first questions, which are asked at once

    with time.asked() as at_rest:
        time.run(REST)
    times = [at for at, _ in at_rest]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps, "nothing renews the load of the GPUs"
    assert min(gaps) > SHORTEST, at_rest
    assert {what for _, what in at_rest} >= {"GET /gpu-containers/gpus"}

    with time.asked() as besides:
        changed_by_others(notebook, time)
    images = [what for _, what in besides if what == "GET /gpu-containers/images"]
    assert 0 < len(images) < 4, besides

    time.run(3)  # for what the changes made it ask
    with time.asked() as while_hidden:
        page.evaluate(HIDE, True)
        with heard(time, "images"):
            lab.request("gpu-containers/images/example.org/mine:1", "DELETE")
        time.run(12)  # two turns of what is asked at rest, and more
        expect(mine).to_have_count(1)
    assert while_hidden == []
    with time.asked() as on_return:
        page.evaluate(HIDE, False)
        time.until(lambda: mine.count() == 0, SOON)
    names = [what for _, what in on_return]
    assert sorted(names) == sorted(set(names)), "more than once on the return"


def changed_by_others(notebook: NotebookPage, time: Time) -> None:
    """A name is given, and a GPU computes; the page shows it without being asked to look."""
    lab = notebook.lab
    name = {"source": IMAGE, "reference": "example.org/mine:1"}
    with heard(time, "images"):
        lab.request("gpu-containers/images", "POST", name)
    time.until(notebook.image("example.org/mine").is_visible, SOON)
    gpu = lab.request("gpu-containers/gpus")["gpus"][0]
    load = {"uuid": gpu["uuid"], "memory_used": 3 * GIB, "utilization": 37, "holders": []}
    with heard(time, "gpu-load"):
        told(lab, {"at": "2026-11-22T08:00:00Z", "gpus": [load]})
    gpus = notebook.panel.get_by_label("GPUs", exact=True)
    time.until(lambda: "3 of 80 GB" in gpus.inner_text(), SOON)
