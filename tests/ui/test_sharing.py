"""Names, pushes and saved kernels on the memory backend: what is asked, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from .desk import Desk
from .page import NotebookPage
from .server import LabServer
from .test_images import SECRET, WRONG

pytestmark = pytest.mark.ui

SCIPY = "quay.io/jupyter/scipy-notebook:python-3.12"
OURS = "ghcr.io/team/analysis:1"
THEIRS = "nvcr.io/nvidia/analysis:1"


@pytest.fixture(autouse=True)
def clean(demo_lab: LabServer) -> Iterator[None]:
    """Leave no name and no login to the next test."""
    yield
    for image in demo_lab.request("gpu-containers/images")["images"]:
        for name in {OURS, THEIRS} & set(image["references"]):
            demo_lab.request(f"gpu-containers/images/{name}?force=true", "DELETE")
    demo_lab.request("gpu-containers/registries/nvcr.io/login", "DELETE")


def names(notebook: NotebookPage, image: str) -> list[str]:
    """Return the names of an image that has this one."""
    found: dict[str, list[str]] = notebook.lab.request(f"gpu-containers/images/{image}")
    return found["references"]


def refused(notebook: NotebookPage, title: str, text: str) -> None:
    """Read what was refused, and close it."""
    expect(notebook.dialog).to_contain_text(title)
    expect(notebook.dialog.get_by_role("alert")).to_contain_text(text)
    notebook.dialog.get_by_role("button", name="Close").click()
    expect(notebook.dialog).to_have_count(0)


def fill(dialog: Locator, name: str, action: str) -> None:
    """Give a name, and go on."""
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name=action, exact=True).click()


def test_a_name_is_given_if_it_is_one(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.open_panel()
    dialog = notebook.act(SCIPY, "Tag…")
    expect(dialog.get_by_label("Name")).to_have_value(SCIPY)
    dialog.get_by_label("Name").fill("")
    expect(dialog.get_by_role("button", name="Tag", exact=True)).to_be_disabled()
    fill(dialog, "Team/Analysis", "Tag")
    refused(notebook, "cannot be tagged", "“Team/Analysis” is not an image reference")
    assert names(notebook, SCIPY) == [SCIPY]

    fill(notebook.act(SCIPY, "Tag…"), OURS, "Tag")
    expect(notebook.image(OURS)).to_be_visible()
    assert names(notebook, SCIPY) == [OURS, SCIPY]


def test_a_push_that_is_denied_asks_for_a_login(demo_desk: Desk) -> None:
    notebook = demo_desk()
    panel = notebook.open_panel()
    fill(notebook.act(SCIPY, "Push…"), THEIRS, "Push")
    dialog = notebook.dialog
    expect(dialog).to_contain_text("Log in to nvcr.io")
    expect(dialog.get_by_role("alert")).to_contain_text("requested access is denied")
    expect(dialog.get_by_role("alert")).to_contain_text("in a repository of your own")
    dialog.get_by_role("button", name="Cancel").click()
    jobs = panel.get_by_label("Jobs")
    expect(jobs.get_by_role("alert")).to_contain_text("requested access is denied")
    assert THEIRS in names(notebook, SCIPY)  # that much was done

    jobs.get_by_role("button", name="Try again").click()
    dialog.get_by_label("API key").fill(WRONG)
    dialog.get_by_role("button", name="Log In").click()
    expect(dialog.get_by_role("alert")).to_contain_text("nvcr.io does not take")
    dialog.get_by_label("API key").fill(SECRET)
    dialog.get_by_role("button", name="Log In").click()
    expect(jobs.get_by_role("progressbar", name=f"Push of {THEIRS}")).to_be_visible()
    expect(
        notebook.page.get_by_role("alert").filter(has_text=f"{THEIRS} was pushed.")
    ).to_be_visible()
    expect(jobs).to_have_count(0)


def test_a_kernel_is_saved_under_a_name_that_can_be_one(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.open_panel()
    notebook.choose(SCIPY)
    notebook.wait_for_kernel("scipy-notebook python-3.12 · CPU")
    notebook.act_on_kernel("train.ipynb", "Save Container as New Image…")
    dialog = notebook.dialog
    expect(dialog).to_contain_text(f"Compared with {SCIPY}")
    fill(dialog, "team/image:", "Save")
    refused(notebook, "team/image: cannot be made", "“team/image:” is not an image reference")

    notebook.act_on_kernel("train.ipynb", "Save Container as New Image…")
    fill(dialog, OURS, "Save")
    told = notebook.page.get_by_role("alert").filter(has_text=f"{OURS} was saved.")
    expect(told.get_by_role("button", name="Start")).to_be_visible()
    expect(notebook.image(OURS)).to_be_visible()
    assert names(notebook, OURS) == [OURS]


def test_a_kernel_that_has_ended_meanwhile_is_not_saved(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.open_panel()
    notebook.choose(SCIPY)
    notebook.wait_for_kernel("scipy-notebook python-3.12 · CPU")
    notebook.act_on_kernel("train.ipynb", "Save Container as New Image…")
    expect(notebook.dialog).to_contain_text(f"Compared with {SCIPY}")
    (launch,) = (each for each in notebook.lab.launches() if each["phase"] == "running")
    notebook.lab.request(f"gpu-containers/launches/{launch['id']}", "DELETE")
    fill(notebook.dialog, OURS, "Save")
    refused(notebook, f"{OURS} cannot be made", "does not run: its launch is cancelled")
