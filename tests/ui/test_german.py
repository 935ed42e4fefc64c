"""The interface in German: nothing is left in English, and it fits into a narrow panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from jupyter_gpu_containers import __file__ as package

from .conftest import H100
from .server import lab_server
from .stage.narrow import overflows
from .stage.stage import STAGE, Stage
from .stage.states import STATES, State

pytestmark = pytest.mark.ui

CATALOGUE = Path(package).parent / "locale/de_DE/LC_MESSAGES/jupyter_gpu_containers.json"
LANGUAGE = {"@jupyterlab/translation-extension:plugin": {"locale": "de_DE"}}

# What can be read, and what screen readers and pointers are told.
_TEXTS = """root => {
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) {
      texts.push(node.data);
    } else {
      for (const name of ['title', 'aria-label', 'placeholder', 'label']) {
        texts.push(node.getAttribute?.(name) ?? '');
      }
    }
  }
  return texts.map(text => text.trim()).filter(Boolean);
}"""


@pytest.fixture(scope="module")
def stage(
    browser: Browser, assets: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One page for all states, in German."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 4}]}}
    folder = tmp_path_factory.mktemp("german") / "lab"
    with lab_server(folder, config=config, settings=LANGUAGE) as lab:
        page = browser.new_page(**STAGE)
        stage = Stage(page, lab)
        stage.set()
        stage.panel_width(320)
        yield stage
        page.close()


@pytest.fixture(scope="module")
def english() -> re.Pattern[str]:
    """What the interface would say in English, and does not say in German."""
    catalogue = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    del catalogue[""]
    sources = [key.rpartition("\x04")[2] for key, german in catalogue.items() if key not in german]
    # names of our samples are no remainders
    sources = [source for source in sources if len(re.sub(r"%\d", "", source)) > 2]
    patterns = [re.sub(r"%\d", ".+", re.escape(source).replace("\\%", "%")) for source in sources]
    return re.compile("|".join(patterns))


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_in_german(stage: Stage, state: State, english: re.Pattern[str]) -> None:
    try:
        what = state.play(stage)
        expect(what).to_be_visible()
        texts: list[str] = what.evaluate(_TEXTS)
        parts = [part for text in texts for part in (text, *text.split(" · "))]
        told = stage.answers.texts()  # the server speaks English, and so does the engine
        assert [part for part in parts if english.fullmatch(part) and part not in told] == []
        assert overflows(stage.panel) == []
    finally:
        stage.clear()


def test_settings_and_menus_are_german(stage: Stage) -> None:
    label = "id => window.jupyterapp.commands.label(id)"
    assert stage.page.evaluate(label, "gpu-containers:open-panel") == "GPUs und Container"
    stage.execute("settingeditor:open", query="GPU-Container")
    editor = stage.page.locator(".jp-SettingsPanel")
    expect(editor).to_contain_text("Umgebung in Notebooks merken")
    expect(editor).not_to_contain_text("Remember the environment")
