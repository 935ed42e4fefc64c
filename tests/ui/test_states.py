"""Every state of the interface says what it should, in all themes, to everybody, in little room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .conftest import H100
from .server import lab_server
from .stage.axe import violations
from .stage.narrow import overflows
from .stage.stage import CONTRAST, DARK, LIGHT, STAGE, Stage
from .stage.states import STATES, State

pytestmark = pytest.mark.ui

NARROW = 320  # pixels


@pytest.fixture(scope="module")
def stage(
    browser: Browser, assets: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One page for all states."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 4}]}}
    with lab_server(tmp_path_factory.mktemp("stage") / "lab", config=config) as lab:
        page = browser.new_page(**STAGE)
        stage = Stage(page, lab)
        stage.set()
        stage.panel_width(NARROW)
        yield stage
        page.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_can_be_read_and_reached_by_everybody(stage: Stage, state: State) -> None:
    try:
        what = state.play(stage)
        for words in state.words:
            expect(what).to_contain_text(words)
        assert overflows(stage.panel) == []
        assert violations(what) == []
        for theme in (DARK, CONTRAST):
            stage.theme(theme)
            assert violations(what, only=["color-contrast"]) == []
    finally:
        stage.theme(LIGHT)
        stage.clear()
