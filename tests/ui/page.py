"""A notebook in the browser, as a person sees and uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from .server import TOKEN, LabServer

START_TIMEOUT = 60_000  # milliseconds for a page or a kernel on a busy machine
expect.set_options(timeout=20_000)  # likewise; the stock 5 s are for quick pages on quick machines
OLD_OR_NEW = "print('old' if 'x' in dir() else 'new')"  # after `x = 1` in the old kernel

# The status of the toolbar's indicator is "idle" before there is any kernel; this is not.
# The title is that of the kernel that is there: Jupyter already shows that of one on its way.
_READY = """name => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  const title = () => context.specsManager.specs?.kernelspecs[kernel.name]?.display_name;
  return kernel?.status === 'idle' && kernel.connectionStatus === 'connected'
    && (name === null || title() === name);
}"""


class NotebookPage:
    """One notebook in one browser tab.

    Parameters
    ----------
    page : Page
    lab : LabServer
    path : str
        Contents API path; the file is made by `write`.
    """

    def __init__(self, page: Page, lab: LabServer, path: str) -> None:
        self.page = page
        self.lab = lab
        self.path = path

    @property
    def folder(self) -> Path:
        """The notebook's folder on the host."""
        return (self.lab.root / self.path).parent

    @property
    def button(self) -> Locator:
        """Our button in the notebook's toolbar."""
        return self.page.locator(".jp-GpuContainers-toolbar:visible")

    @property
    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    @property
    def panel(self) -> Locator:
        """Our panel at the left."""
        return self.page.get_by_role("region", name="GPUs and containers")

    @property
    def banner(self) -> Locator:
        """What stands above the cells."""
        return self.page.locator(".jp-GpuContainers-banner:visible").get_by_role("region").first

    def notice(self, text: str | re.Pattern[str]) -> Locator:
        """The notification that has this text."""
        toasts = self.page.locator(".jp-toastContainer").get_by_role("alert")
        return toasts.filter(has_text=text)

    def report(self, within: Locator) -> str:
        """Press “Copy report”, and return what is in the clipboard then."""
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        within.get_by_role("button", name="Copy report").click()
        expect(self.notice("The report was copied.")).to_be_visible()
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text

    def write(
        self,
        cells: Sequence[str],
        kernel: str = "python3",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Make the file; with this metadata instead of what names the kernel."""
        content = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
            "metadata": metadata or {"kernelspec": {"name": kernel, "display_name": kernel}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.lab.root / self.path).write_text(json.dumps(content), encoding="utf-8")

    def open(self) -> None:
        """Open the notebook in a fresh workspace."""
        workspace = self.path.replace("/", "-").removesuffix(".ipynb")
        self.page.goto(
            f"{self.lab.url}/lab/workspaces/{workspace}/tree/{self.path}?token={TOKEN}&reset"
        )
        self.wait_until_open()

    def reload(self) -> None:
        """Reload the page."""
        self.page.reload()
        self.wait_until_open()

    def wait_until_open(self) -> None:
        """Wait until the cells are there and can be clicked."""
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=START_TIMEOUT)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def wait_for_kernel(self, name: str | None = None) -> None:
        """Wait until the kernel (of this display name) is idle and connected."""
        self.page.wait_for_function(_READY, arg=name, timeout=START_TIMEOUT)

    def cell(self, number: int) -> Locator:
        """A cell, counted from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def run(self, number: int) -> None:
        """Run a cell; does not wait for it."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def expect_output(self, number: int, text: str) -> None:
        """Wait until the cell has run and its output is this text."""
        expect(self.cell(number).locator(".jp-OutputArea-output")).to_have_text(
            text, timeout=START_TIMEOUT
        )

    def expect_prompt(self, number: int, text: str) -> None:
        """Wait until the cell's prompt is `[*]:` or the like."""
        expect(self.cell(number).locator(".jp-InputPrompt")).to_have_text(text)

    def expect_environment(self, name: str) -> None:
        """Wait until our button names this environment."""
        expect(self.button).to_have_text(name, timeout=START_TIMEOUT)

    def choose(self, image: str | re.Pattern[str]) -> None:
        """Start an image in two clicks: the toolbar's button, and the image's."""
        self.button.get_by_role("button").click()
        choice = self.dialog.locator(".jp-GpuContainers-choice").filter(has_text=image)
        choice.get_by_role("button").click()

    def open_panel(self) -> Locator:
        """Show our panel."""
        self.page.get_by_role("tab", name="GPUs and containers").click()
        return self.panel

    def find_image(self, reference: str) -> Locator:
        """Ask for an image in the dialog that adds one, and return the dialog."""
        self.panel.get_by_role("button", name="Add image…").click()
        self.dialog.get_by_role("searchbox").fill(reference)
        self.page.keyboard.press("Enter")
        return self.dialog

    def image(self, name: str) -> Locator:
        """The row of an image in the panel."""
        rows = self.panel.get_by_label("Images").get_by_role("listitem")
        return rows.filter(has_text=name)

    def act(self, image: str, action: str) -> Locator:
        """Choose from the menu of an image's row, and return the dialog that opens."""
        self.image(image).get_by_title(re.compile("^Actions for")).click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()
        return self.dialog

    def act_on_kernel(self, name: str, action: str) -> None:
        """Choose from the menu of a row of what runs; `name` is the notebook's."""
        self.panel.get_by_role("button", name=f"Actions for {name}").click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()

    def remove_image(self, image: str) -> None:
        """Remove an image by its menu."""
        dialog = self.act(image, "Remove…")
        expect(dialog).to_contain_text("deleted from this machine")
        dialog.get_by_role("button", name="Remove").click()
        expect(self.image(image)).to_have_count(0)
