"""The interface in German: nothing is left in English, and it fits into a narrow panel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
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
WORD = re.compile("[A-Za-z]{3}")
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
def catalogue() -> dict[str, list[str]]:
    """The translations: English, with its context, to German."""
    content: dict[str, list[str]] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    del content[""]
    return content


@pytest.fixture(scope="module")
def stage(
    browser: Browser,
    assets: object,
    catalogue: dict[str, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """One page for all states, in German."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 4}]}}
    folder = tmp_path_factory.mktemp("german") / "lab"
    with lab_server(folder, config=config, settings=LANGUAGE) as lab:
        page = browser.new_page(**STAGE)
        stage = Stage(page, lab, lambda text: catalogue[text][0])
        stage.set()
        stage.panel_width(320)
        yield stage
        page.close()


def pattern(texts: Iterable[str], placeholder: str) -> re.Pattern[str]:
    """What matches any of these texts."""
    parts = [[re.escape(part) for part in re.split(r"%\d", text)] for text in texts]
    return re.compile("|".join(placeholder.join(part) for part in parts))


@pytest.fixture(scope="module")
def german(catalogue: dict[str, list[str]]) -> re.Pattern[str]:
    """What the interface says in German."""
    forms = [form for forms in catalogue.values() for form in forms]
    return pattern([form for form in forms if WORD.search(form)], ".*")


@pytest.fixture(scope="module")
def english(catalogue: dict[str, list[str]]) -> re.Pattern[str]:
    """What the interface would say in English, and does not say in German."""
    sources = {key.rpartition("\x04")[2]: forms for key, forms in catalogue.items()}
    return pattern(
        [source for source, forms in sources.items() if source not in forms],
        r"\S+( \S+)?",  # a name or a number with its unit, not a sentence
    )


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_in_german(
    stage: Stage, state: State, english: re.Pattern[str], german: re.Pattern[str]
) -> None:
    try:
        what = state.play(stage)
        expect(what).to_be_visible()
        texts: list[str] = what.evaluate(_TEXTS)
        parts = [part for text in texts for part in (text, *text.split(" · "))]
        # the server speaks English, and so does the engine
        told = stage.answers.texts()
        told |= {piece.strip() for text in told for piece in text.split("`")}
        left = {part for part in parts if english.fullmatch(part) and not german.fullmatch(part)}
        assert left - told == set()
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
