"""Builds on the memory backend: from a text, from a folder, with a log, failed, cancelled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from .desk import Desk
from .page import NotebookPage

pytestmark = pytest.mark.ui

BASE = "quay.io/jupyter/scipy-notebook:python-3.12"


def form(notebook: NotebookPage, name: str) -> Locator:
    """Open the dialog and fill in the image's name."""
    notebook.panel.get_by_title("Build an image…").click()
    notebook.dialog.get_by_label("Name").fill(name)
    return notebook.dialog


def test_an_image_is_built_from_a_text(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    dialog = form(notebook, "team/text:1")
    dialog.get_by_role("textbox", name="Dockerfile").fill(f"FROM {BASE}\nRUN exit 3\n")
    dialog.get_by_role("button", name="Build").click()
    jobs = panel.get_by_label("Jobs")
    failed = jobs.get_by_role("alert")
    expect(failed).to_contain_text("Step [2/2] RUN exit 3 failed: it ended with code 3.")
    jobs.get_by_text("Log", exact=True).click()
    log = jobs.get_by_role("log", name="Log: Build of team/text:1")
    expect(log).to_contain_text(f"[1/2] FROM {BASE}")
    jobs.get_by_title("Dismiss: Build of team/text:1").click()
    expect(jobs).to_have_count(0)

    dialog = form(notebook, "team/text:1")
    dialog.get_by_label("Made from").select_option("requirements")
    dialog.get_by_label("Base image").fill(BASE)
    dialog.get_by_role("textbox", name="requirements.txt").fill("numpy")
    notebook.page.keyboard.press("Enter")  # a new line, not the end of the dialog
    dialog.get_by_role("button", name="Build").click()
    told = notebook.page.get_by_role("alert").filter(has_text="team/text:1 was built.")
    expect(told.get_by_role("button", name="Start")).to_be_visible()
    expect(panel.get_by_label("Images")).to_contain_text("team/text:1")
    notebook.lab.request("gpu-containers/images/team/text:1", "DELETE")


def test_a_folder_is_built_and_given_up(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    (notebook.folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN sleep infinity\n")
    dialog = form(notebook, "team/folder:1")
    dialog.get_by_label("Made from").select_option("folder")
    dialog.get_by_label("Folder", exact=True).fill("../elsewhere")
    dialog.get_by_role("button", name="Build").click()
    expect(notebook.dialog).to_contain_text("lies outside the workspace")
    notebook.dialog.get_by_role("button", name="Close").click()

    dialog = form(notebook, "team/folder:1")
    dialog.get_by_label("Made from").select_option("folder")
    folder = notebook.folder.relative_to(notebook.lab.root)
    dialog.get_by_label("Folder", exact=True).fill(str(folder))
    dialog.get_by_role("button", name="Build").click()
    jobs = panel.get_by_label("Jobs")
    expect(jobs).to_contain_text("[2/2] RUN sleep infinity")
    jobs.get_by_title("Cancel: Build of team/folder:1").click()
    expect(jobs).to_have_count(0)
    told = notebook.page.get_by_role("alert").filter(
        has_text=re.compile("build of .* was cancelled")
    )
    expect(told).to_be_visible()
