"""A notebook that waits for a GPU, in the browser: its place, the CPU, leaving, a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from .desk import Desk
from .page import START_TIMEOUT, NotebookPage
from .server import LabServer

pytestmark = pytest.mark.ui

IMAGE = "nvcr.io/nvidia/pytorch:25.08-py3"
NEXT = "Waiting for a GPU, next in line"
SECOND = "Waiting for a GPU, 2nd in line"


@pytest.fixture
def holder(demo_desk: Desk) -> str:
    """The id of the launch that has all GPUs there are."""
    return launch(demo_desk.lab, gpus=2)


def launch(lab: LabServer, gpus: int = 1) -> str:
    """Ask for GPUs without a notebook; return the launch's id."""
    body = {"image": IMAGE, "gpus": gpus}
    return str(lab.request("gpu-containers/launches", "POST", body)["id"])


def notice(notebook: NotebookPage) -> Locator:
    """The notification about this notebook."""
    return notebook.notice("train.ipynb")


def test_a_notebook_waits_and_gets_the_gpu_when_it_is_free(demo_desk: Desk, holder: str) -> None:
    """It says its place, who has the GPU, and says so again after a reload."""
    before = launch(demo_desk.lab)
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    expect(notebook.button).to_have_text(SECOND, timeout=START_TIMEOUT)
    steps = re.compile(f"✓ Checked.*{SECOND}.*Start the container")
    expect(notice(notebook)).to_contain_text(steps)
    notebook.run(1)
    notebook.expect_prompt(1, "[*]:")

    notebook.reload()
    expect(notebook.button).to_have_text(SECOND, timeout=START_TIMEOUT)
    expect(notice(notebook)).to_contain_text(SECOND)

    demo_desk.lab.request(f"gpu-containers/launches/{before}", "DELETE")
    expect(notebook.button).to_have_text(NEXT)
    demo_desk.lab.request(f"gpu-containers/launches/{holder}", "DELETE")
    notebook.expect_environment("PyTorch 25.08 · 1 GPU")
    expect(notice(notebook)).to_have_count(0)
    notebook.wait_for_kernel("PyTorch 25.08 · 1 GPU")
    notebook.run(1)
    notebook.expect_output(1, "new")


@pytest.mark.usefixtures("holder")
def test_start_on_the_cpu_instead(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notice(notebook).get_by_role("button", name="Start on CPU").click()
    notebook.expect_environment("PyTorch 25.08 · CPU")
    notebook.wait_for_kernel("PyTorch 25.08 · CPU")
    expect(notice(notebook)).to_have_count(0)


@pytest.mark.usefixtures("holder")
def test_leave_the_queue(demo_desk: Desk) -> None:
    """The notebook has the kernel that it had, and nothing is left of the launch."""
    notebook = demo_desk()
    notebook.run(0)
    notebook.choose("PyTorch 25.08")
    expect(notebook.button).to_have_text(NEXT, timeout=START_TIMEOUT)
    notebook.button.get_by_role("button").click()
    expect(notebook.dialog).to_contain_text(re.compile("The GPUs are held by PyTorch 25.08"))
    notebook.dialog.get_by_role("button", name="Cancel Start").click()
    notebook.expect_environment("Select environment")
    expect(notice(notebook)).to_have_count(0)
    assert demo_desk.lab.launches()[0]["phase"] == "cancelled"
    notebook.run(1)
    notebook.expect_output(1, "old")
