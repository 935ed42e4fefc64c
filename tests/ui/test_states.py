"""Every state of the interface says what it should, in all themes, to everybody, in little room.

The page is in German: its words are longer than the English ones, and nothing may be left in
English. What the states should say is written down in English, and looked for in translation.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .conftest import H100
from .server import lab_server
from .stage.axe import violations
from .stage.german import LANGUAGE, German
from .stage.narrow import overflows
from .stage.notebook_states import kill
from .stage.stage import STAGE, Stage
from .stage.states import STATES, State
from .stage.themes import CONTRAST, DARK, LIGHT, wear

pytestmark = pytest.mark.ui

NARROW, NARROWEST = 320, 250  # pixels


@pytest.fixture(scope="module")
def german() -> German:
    return German()


@pytest.fixture(scope="module")
def stage(
    browser: Browser, assets: object, german: German, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One page for all states."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 4}]}}
    folder = tmp_path_factory.mktemp("stage") / "lab"
    with lab_server(folder, config=config, settings=LANGUAGE) as lab:
        page = browser.new_page(**STAGE)
        stage = Stage(page, lab, german.say)
        stage.set()
        stage.panel_width(NARROW)
        yield stage
        page.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_can_be_read_and_reached_by_everybody(
    stage: Stage, german: German, state: State
) -> None:
    try:
        what = state.play(stage)
        expect(what).to_be_visible()
        german.expect(what, state.words)
        assert german.left(what, stage.answers.texts()) == set()
        assert overflows(stage.panel) == []
        if state.fits:
            assert overflows(what) == []
        assert violations(what) == []
        for theme in (DARK, CONTRAST):
            wear(stage.page, theme)
            assert violations(what, only=["color-contrast"]) == []
    finally:
        wear(stage.page, LIGHT)
        stage.clear()


def test_the_whole_panel_in_very_little_room(stage: Stage) -> None:
    """Nothing is cut off that cannot be read otherwise."""
    stage.panel_width(NARROWEST)
    try:
        [panel] = [state for state in STATES if state.name == "panel"]
        what = panel.play(stage)
        assert overflows(what) == []
        tabs = what.locator(".jp-GpuContainers-source")
        expect(tabs).to_have_count(2)
        for tab in tabs.all():
            assert tab.evaluate("node => node.scrollWidth <= node.clientWidth")
            assert tab.evaluate("node => getComputedStyle(node).textOverflow") == "clip"
    finally:
        stage.clear()
        stage.panel_width(NARROW)


def test_settings_and_menus_are_german(stage: Stage) -> None:
    label = "id => window.jupyterapp.commands.label(id)"
    assert stage.page.evaluate(label, "gpu-containers:open-panel") == "GPUs und Container"


def test_a_banner_that_was_put_away_stays_away(stage: Stage, german: German) -> None:
    """Also when the page is loaded again; of another death it tells."""
    dead = kill(stage)
    expect(stage.banner).to_be_visible()
    stage.banner.get_by_title(german.say("Dismiss")).click()
    expect(stage.banner).to_have_count(0)

    stage.notebook.reload()
    stage.notebook.wait_for_kernel()
    stage.open_panel()
    expect(stage.section("GPUs")).to_contain_text("H100")  # what the server tells is known
    expect(stage.banner).to_have_count(0)
    stage.go_on(stage.go_on(dead, "running", error=None), "failed", error=dead["error"])
    expect(stage.banner).to_be_visible()
    stage.clear()
