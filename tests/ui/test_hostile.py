"""300 hostile names and texts, wherever the interface shows one: they are text, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import H100
from .server import LabServer, lab_server
from .stage import hostile_world as world
from .stage import samples as s
from .stage.hostile import HOST, HOSTILE, MARK, Texts
from .stage.stage import NOTEBOOK, STAGE, Stage

pytestmark = pytest.mark.ui

ACCEPTED = 60  # environments that the server itself is asked to take

_COUNT = """() => {
  window.hits = [];
  window.hit = number => { window.hits.push(number); };
}"""
# Elements by name, attributes that act, and addresses: text of others may add none of them.
_SHAPE = """root => {
  const found = new Set();
  for (const node of root.querySelectorAll('*')) {
    found.add(node.localName);
    for (const { name, value } of node.attributes) {
      if (/^on/.test(name)) found.add(`${node.localName}[${name}]`);
      if (/^(href|src|srcset|action|data)$/.test(name)) found.add(`${node.localName}: ${value}`);
    }
  }
  return [...found].sort();
}"""


class Watch:
    """Everything that a page did and should not have done."""

    def __init__(self, page: Page, lab: LabServer) -> None:
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self._page = page
        allowed = (lab.url, lab.url.replace("http", "ws", 1), "data:", "blob:")

        def on_request(url: str) -> None:
            if not url.startswith(allowed) or HOST in url.partition("/gpu-containers/")[0]:
                self.foreign.append(url)

        page.on("request", lambda request: on_request(request.url))
        page.on("popup", lambda popup: self.foreign.append(popup.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.add_init_script(f"({_COUNT})()")

    def found(self) -> dict[str, object]:
        """What there is to complain about."""
        return {
            "scripts": self._page.evaluate("window.hits"),
            "elements": self._page.locator(f"[{MARK}]").count(),
            "requests": self.foreign,
            "dialogs": self.dialogs,
        }


NOTHING = {"scripts": [], "elements": 0, "requests": [], "dialogs": []}


@pytest.fixture
def lab(assets: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server of its own, whose environments have hostile names, as far as it takes them."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [H100]}}
    with lab_server(tmp_path_factory.mktemp("hostile") / "lab", config=config) as lab:
        for number, text in enumerate(HOSTILE[:ACCEPTED]):
            environment = {
                "image": s.PYTORCH,
                "name": f"hostile-{number}",
                "display_name": text[:100],
            }
            lab.request("gpu-containers/environments", "POST", environment)
        yield lab


def surfaces(stage: Stage, text: world.Text) -> Iterator[Locator]:
    """Bring up, one after the other, all places in which texts of others are shown."""
    world.tell(stage, text)
    stage.panel.get_by_role("button", name="On this machine").click()
    expect(stage.section("Images").get_by_role("listitem")).to_have_count(5)
    for summary in stage.panel.locator("summary:visible").all():
        summary.click()
    yield stage.panel
    stage.panel.get_by_role("button", name="Recommended").click()
    yield stage.panel

    stage.start("gpu-containers:select-environment", path=NOTEBOOK, image=world.FIRST)
    expect(stage.dialog).to_be_visible()
    for summary in stage.dialog.locator("summary:visible").all():
        summary.click()
    yield stage.dialog
    stage.dialog.get_by_role("searchbox").fill("x")
    yield stage.dialog
    stage.close_dialogs()

    for command in ("add-image", "show-image", "remove-image", "tag"):
        stage.start(f"gpu-containers:{command}", image=world.FIRST)
        expect(stage.dialog).to_be_visible()
        yield stage.dialog
        stage.close_dialogs()

    running = stage.launches(world.launch(text, "running", 3))[0]
    stage.give(f"GET launches/{running['id']}/changes", world.changes(text))
    stage.start("gpu-containers:save-image", id=running["id"])
    expect(stage.dialog.locator("details").first).to_be_visible()
    for summary in stage.dialog.locator("summary:visible").all():
        summary.click()
    yield stage.dialog
    stage.close_dialogs()

    stage.give("POST jobs", world.failure(text), 409)
    stage.start("gpu-containers:pull", reference=text())
    expect(stage.dialog).to_be_visible()
    yield stage.dialog
    stage.close_dialogs()

    world.death(stage, text)
    expect(stage.banner).to_be_visible()
    stage.banner.get_by_role("button", name="Show log").click()
    yield stage.banner
    yield stage.page.locator(".Toastify")

    asked = stage.begin(world.launch(text, "queued", 1, path=NOTEBOOK))
    stage.go_on(asked, "failed", error=world.failure(text))
    stage.later(4)
    yield stage.page.locator(".Toastify")
    stage.start("gpu-containers:show-launch", id=asked["id"])
    expect(stage.dialog).to_be_visible()
    yield stage.dialog
    stage.close_dialogs()

    stage.open_another("moons/sent.ipynb", world.remembered(text))
    # none of what it remembers can be: JupyterLab asks what to use
    expect(stage.dialog).to_contain_text("Select Kernel")
    yield stage.dialog
    yield stage.page.locator("#jp-main-dock-panel")


def test_hostile_texts_are_text(lab: LabServer, browser: Browser) -> None:
    page = browser.new_page(**STAGE)
    watch = Watch(page, lab)
    stage = Stage(page, lab)
    stage.set()
    numbers = count()
    harmless: Callable[[], str] = lambda: f"harmless-{next(numbers)}"  # noqa: E731
    known: set[str] = {
        what for place in surfaces(stage, harmless) for what in place.evaluate(_SHAPE)
    }
    assert known.isdisjoint({"script", "iframe", "img", "object", "embed", "style", "form"})
    stage.clear()
    texts = Texts(HOSTILE)
    for number, place in enumerate(surfaces(stage, texts)):
        assert watch.found() == NOTHING, f"surface {number}"
        assert set(place.evaluate(_SHAPE)) - known == set(), f"surface {number}"
    assert texts.given >= len(HOSTILE)
    # and what has happened, happens late
    page.mouse.move(300, 300)
    page.keyboard.press("Tab")
    stage.execute("apputils:display-notifications")
    assert watch.found() == NOTHING
    page.close()
