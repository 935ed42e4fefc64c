"""What the page asks for by itself: little at rest, nothing while hidden; it is told the rest."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from .conftest import OpenNotebook
from .page import NotebookPage
from .server import LabServer

pytestmark = pytest.mark.ui

REST = 20.0  # seconds for which a page is watched
SHORTEST = 1.8  # seconds between two requests; two, as a busy machine measures them
SOON = 8.0  # seconds; a moment, on a busy machine. By itself the page asks for images every 40
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


@contextmanager
def asked(page: Page) -> Iterator[list[tuple[float, str]]]:
    """Write down what is asked of us meanwhile, each with its time in seconds."""
    seen: list[tuple[float, str]] = []

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith("/gpu-containers/"):
            seen.append((time.monotonic(), f"{request.method} {path}"))

    page.on("request", note)
    try:
        yield seen
    finally:
        page.remove_listener("request", note)


def told(lab: LabServer, data: dict[str, Any]) -> None:
    """Put a load on the event bus, as the server does where there is a real GPU."""
    lab.request("api/events", "POST", {"schema_id": LOAD, "version": "1", "data": data})


def test_little_is_asked_at_rest_nothing_while_hidden_and_changes_are_told(
    demo: OpenNotebook,
) -> None:
    notebook = demo()
    page, lab = notebook.page, notebook.lab
    panel = notebook.open_panel()
    expect(panel.get_by_label("GPUs", exact=True)).to_contain_text("2 of 2 free")
    expect(panel.get_by_label("Images", exact=True)).to_contain_text("PyTorch 25.08")
    page.wait_for_timeout(2500)  # for the first questions, which are asked at once

    with asked(page) as at_rest:
        page.wait_for_timeout(REST * 1000)
    times = [at for at, _ in at_rest]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps, "nothing renews the load of the GPUs"
    assert min(gaps) > SHORTEST, at_rest
    assert {what for _, what in at_rest} >= {"GET /gpu-containers/gpus"}

    with asked(page) as besides:
        began = time.monotonic()
        changed_by_others(notebook)
    images = [at - began for at, what in besides if what == "GET /gpu-containers/images"]
    assert images[0] < SOON
    assert len(images) < 4, images

    # hidden just after a regular question: what leaves at this moment is not of a hidden page
    page.wait_for_timeout(2500)  # for what the changes made it ask
    with page.expect_response(lambda response: "/gpu-containers/" in response.url):
        pass
    with asked(page) as while_hidden:
        page.evaluate(HIDE, True)
        lab.request("gpu-containers/images/example.org/mine:1", "DELETE")
        page.wait_for_timeout(12_000)  # two turns of what is asked at rest, and more
        expect(notebook.image("example.org/mine")).to_have_count(1)
    assert while_hidden == []
    with asked(page) as on_return:
        page.evaluate(HIDE, False)
        expect(notebook.image("example.org/mine")).to_have_count(0)
    names = [what for _, what in on_return]
    assert sorted(names) == sorted(set(names)), "more than once on the return"


def changed_by_others(notebook: NotebookPage) -> None:
    """A name is given, and a GPU computes; the page shows it without being asked to look."""
    lab = notebook.lab
    lab.request(
        "gpu-containers/images", "POST", {"source": IMAGE, "reference": "example.org/mine:1"}
    )
    expect(notebook.image("example.org/mine")).to_be_visible()
    gpu = lab.request("gpu-containers/gpus")["gpus"][0]
    load = {"uuid": gpu["uuid"], "memory_used": 3 * GIB, "utilization": 37, "holders": []}
    told(lab, {"at": "2026-11-22T08:00:00Z", "gpus": [load]})
    gpus = notebook.panel.get_by_label("GPUs", exact=True)
    expect(gpus).to_contain_text("3 of 80 GB")
