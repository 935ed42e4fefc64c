"""Notebook 7: one document a page, no launcher; button, dialog, panel, menu all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import H100, shut_down_kernels
from .page import NotebookPage
from .server import TOKEN, LabServer, lab_server
from .stage.axe import violations
from .stage.narrow import overflows
from .stage.themes import CONTRAST, DARK, LIGHT, wear

pytestmark = pytest.mark.ui

TORCH = "nvcr.io/nvidia/pytorch:25.08-py3"
TITLE = "PyTorch 25.08 · 1 GPU"


class Notebook7Page(NotebookPage):
    """A notebook in Notebook 7."""

    def open(self) -> None:
        """Open the notebook."""
        self.page.goto(f"{self.lab.url}/notebooks/{self.path}?token={TOKEN}")
        self.wait_until_open()

    def wait_until_open(self) -> None:
        """Wait until the cells are there; there is no splash."""
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)


@pytest.fixture(scope="module")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 2}]}}
    folder = tmp_path_factory.mktemp("notebook7") / "server"
    with lab_server(folder, config=config, notebook=True) as server:
        yield server
        shut_down_kernels(server)


def everybody_can_read(page: Page, what: Locator) -> None:
    """Nothing of it is hard to see or to reach, in any theme.

    The order of headings is that of the page, which is not ours: WCAG does not ask for it.
    """
    assert violations(what, only=["wcag2a", "wcag2aa"]) == []
    for theme in (DARK, CONTRAST):
        wear(page, theme)
        assert violations(what, only=["color-contrast"]) == []
    wear(page, LIGHT)


def test_a_banner_above_its_cells(server: LabServer, page: Page) -> None:
    notebook = Notebook7Page(page, server, "from-elsewhere.ipynb")
    remembered = {"image": TORCH, "kernel": "python3", "gpus": 1}
    kernelspec = {"name": "torch-of-mara-1gpu", "display_name": TITLE, "language": "python"}
    notebook.write(["1"], metadata={"jupyter_gpu_containers": remembered, "kernelspec": kernelspec})
    notebook.open()
    expect(notebook.banner).to_contain_text(f"Last run in {TORCH}")
    everybody_can_read(page, notebook.banner)
    page.set_viewport_size({"width": 360, "height": 800})
    assert overflows(notebook.banner) == []
    notebook.banner.get_by_role("button", name="Not Now").click()
    expect(notebook.banner).to_have_count(0)


def test_a_notebook_gets_a_container_and_its_panel_menu_and_memory(
    server: LabServer, page: Page
) -> None:
    notebook = Notebook7Page(page, server, "train.ipynb")
    notebook.write(["x = 1", "print('old' if 'x' in dir() else 'new')"])
    notebook.open()
    notebook.wait_for_kernel()
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    expect(notebook.button).to_have_text("Select environment")
    notebook.button.get_by_role("button").click()
    expect(notebook.dialog).to_contain_text("2 of 2 free")
    everybody_can_read(page, page.locator(".jp-Dialog-content"))
    page.keyboard.press("Escape")
    expect(notebook.dialog).to_have_count(0)
    everybody_can_read(page, notebook.button)
    notebook.choose("PyTorch 25.08")
    notebook.run(1)  # while it starts
    notebook.expect_output(1, "new")
    notebook.expect_environment(TITLE)

    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    menu = page.get_by_role("menu")
    expect(menu).to_contain_text("Select Environment…")
    expect(menu).to_contain_text("Save Kernel’s Container as Image…")
    page.keyboard.press("Escape")

    page.evaluate("() => window.jupyterapp.commands.execute('gpu-containers:open-panel')")
    expect(notebook.panel).to_be_visible()
    expect(notebook.panel.get_by_label("GPUs", exact=True)).to_contain_text("1 of 2 free")

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    notebook.wait_until_open()
    notebook.wait_for_kernel(TITLE)
    running = [launch for launch in server.launches() if launch["phase"] == "running"]
    assert len(running) == 1


def test_a_new_notebook_opens_in_a_page_of_its_own(server: LabServer, page: Page) -> None:
    notebook = Notebook7Page(page, server, "start.ipynb")
    notebook.write(["1"])
    notebook.open()
    notebook.wait_for_kernel()
    run = """args => window.jupyterapp.commands.execute('gpu-containers:new-notebook', args)"""
    with page.context.expect_page() as opened:
        page.evaluate(run, {"image": "rapidsai/base:25.08-cuda12.9-py3.12", "gpus": 1})
    new = Notebook7Page(opened.value, server, "Untitled.ipynb")
    new.wait_until_open()
    new.wait_for_kernel("RAPIDS 25.08 · 1 GPU")
    assert (server.root / "Untitled.ipynb").is_file()
