"""The dialog of environments in the browser: by keyboard alone, from search to a running kernel."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenNotebook
from .page import NotebookPage

pytestmark = pytest.mark.ui

RAPIDS = "RAPIDS 25.08 · 1 GPU"
REMOTE = "nvcr.io/nvidia/pytorch:25.01-py3"


def open_by_keyboard(notebook: NotebookPage) -> None:
    """Open the dialog by JupyterLab's command palette."""
    keyboard = notebook.page.keyboard
    keyboard.press("Control+Shift+C")
    keyboard.type("Select Environment…")
    keyboard.press("Enter")
    expect(notebook.dialog.get_by_role("searchbox")).to_be_focused()


def test_by_keyboard_alone_and_what_was_chosen_is_remembered(
    demo: OpenNotebook, page: Page
) -> None:
    notebook = demo()
    open_by_keyboard(notebook)
    expect(notebook.dialog).to_contain_text("The variables of the present kernel")
    page.keyboard.type("rapids")
    page.keyboard.press("ArrowDown")
    expect(notebook.dialog.get_by_role("radio", name="RAPIDS 25.08")).to_be_focused()
    page.keyboard.press("Enter")
    expect(notebook.dialog).to_have_count(0)
    notebook.wait_for_kernel(RAPIDS)
    notebook.run(1)
    notebook.expect_output(1, "new")

    other = demo(name="other")  # where nothing was chosen yet
    open_by_keyboard(other)
    expect(other.dialog.get_by_role("radio", name="RAPIDS 25.08")).to_be_checked()
    expect(other.dialog.get_by_label("GPUs")).to_have_value("1")


def test_an_image_that_is_not_here_is_downloaded_and_started(
    demo: OpenNotebook, page: Page
) -> None:
    notebook = demo()
    open_by_keyboard(notebook)
    page.keyboard.type(REMOTE)
    page.keyboard.press("Enter")  # its registry is asked, nothing is fetched
    expect(notebook.dialog).to_contain_text("downloaded first")
    page.keyboard.press("Enter")
    button = notebook.dialog.get_by_role("button", name="Download and Start")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    notebook.wait_for_kernel("PyTorch 25.01 · 1 GPU")
    notebook.run(1)
    notebook.expect_output(1, "new")
    notebook.lab.request(f"gpu-containers/images/{quote(REMOTE)}?force=true", "DELETE")
