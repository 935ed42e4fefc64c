"""Make the pictures of docs/images: every state in light and dark, and the story of the README.

`./run screenshots [NAME...]`; with names, only the pictures whose names begin so. The story needs
root, since it has an engine of its own.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.ui.conftest import H100
from tests.ui.server import ROOT, lab_server
from tests.ui.stage.stage import STAGE, Stage
from tests.ui.stage.states import STATES
from tests.ui.stage.themes import DARK, LIGHT

from . import story
from .browser import SCALE, optimise, photographer

PICTURES = ROOT / "docs" / "images"
WIDTH = 340  # pixels of the panel
THEMES = {"light": LIGHT, "dark": DARK}
PAGE = {**STAGE, "device_scale_factor": SCALE, "viewport": {"width": 1280, "height": 1240}}


def main() -> None:
    """Read the command line and make the pictures."""
    parser = argparse.ArgumentParser(prog="./run screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help="how the names begin; default: all")
    names = parser.parse_args().names
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, photographer(Path(folder)) as browser:
        made = states(browser, Path(folder) / "states", names)
        if wanted("story", names):
            made += story.take(browser, Path(folder) / "story", PICTURES)
    for picture in made:
        optimise(picture)
    size = sum(picture.stat().st_size for picture in made)
    print(f"{len(made)} pictures, {size / 1e6:.1f} MB, in {PICTURES.relative_to(ROOT)}")


def wanted(name: str, names: list[str]) -> bool:
    """Whether a picture was asked for."""
    return not names or any(name.startswith(begin) for begin in names)


def states(browser: Browser, folder: Path, names: list[str]) -> list[Path]:
    """Bring every state about and keep it, in light and in dark."""
    chosen = [state for state in STATES if wanted(state.name, names)]
    if not chosen:
        return []
    made = []
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 4}]}}
    with lab_server(folder, config=config) as lab:
        page = browser.new_page(**PAGE)
        stage = Stage(page, lab)
        stage.set()
        stage.panel_width(WIDTH)
        for state in chosen:
            what = state.play(stage)
            for words in state.words:
                expect(what).to_contain_text(words)
            for ending, theme in THEMES.items():
                stage.theme(theme)
                page.mouse.move(700, 2)
                made.append(PICTURES / f"{state.name}-{ending}.png")
                what.screenshot(path=made[-1], animations="disabled", caret="hide")
            stage.theme(LIGHT)
            stage.clear()
        page.close()
    return made


if __name__ == "__main__":
    main()
