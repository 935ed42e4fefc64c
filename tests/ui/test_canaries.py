"""What a page is told is searched for canary secrets; see tests/canary_pages.py."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests import canary_pages
from tests.canaries import Canaries

from .server import TOKEN, LabServer

pytestmark = pytest.mark.ui

LISTEN = """url => new Promise((opened, failed) => {
  window.told = [];
  const socket = new WebSocket(url);
  socket.onmessage = message => window.told.push(message.data);
  socket.onopen = () => opened();
  socket.onerror = () => failed(new Error('no connection'));
})"""


def test_an_answer_and_an_event_with_a_secret_are_seen(
    demo_lab: LabServer, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries()  # which the suite's own search does not know
    monkeypatch.setattr(canary_pages, "SUITE", canaries)
    name = canaries.make("a-name")
    page.goto(f"{demo_lab.url}/gpu-containers/status?token={TOKEN}")
    assert canaries.hits == []
    page.goto(f"{demo_lab.url}/gpu-containers/launches/{name}?token={TOKEN}")
    assert name in page.content()
    # one of Jupyter's own pages, of which scripts may open connections
    page.goto(f"{demo_lab.url}/nothing?token={TOKEN}")
    page.evaluate(
        LISTEN,
        f"{demo_lab.url.replace('http', 'ws')}/api/events/subscribe?token={TOKEN}",
    )
    body = {"type": "file", "format": "text", "content": "x"}
    demo_lab.request(f"api/contents/{name}.txt", "PUT", body)
    demo_lab.request(f"api/contents/{name}.txt", "DELETE")
    page.wait_for_function("name => window.told.some(text => text.includes(name))", arg=name)
    assert canaries.counts["pages' answers"] == 2
    assert {hit.partition(":")[0].partition(" of ")[0] for hit in canaries.hits} == {
        "a page's answer",
        "an event that a page got",
    }
