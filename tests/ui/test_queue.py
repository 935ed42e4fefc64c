"""A notebook that waits for a GPU, in the browser: its place, the CPU, leaving, a reload."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import H100, OpenNotebook, shut_down_kernels
from .page import START_TIMEOUT, NotebookPage
from .server import LabServer, lab_server

pytestmark = pytest.mark.ui

IMAGE = "nvcr.io/nvidia/pytorch:25.08-py3"
NEXT = "Waiting for a GPU, next in line"
SECOND = "Waiting for a GPU, 2nd in line"


@pytest.fixture(scope="module")
def busy_lab(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab with one GPU."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [H100]}}
    with lab_server(tmp_path_factory.mktemp("busy") / "lab", config=config) as lab:
        yield lab


@pytest.fixture
def busy(
    busy_lab: LabServer, opener: Callable[[LabServer], OpenNotebook], page: Page
) -> Iterator[OpenNotebook]:
    """Open a notebook where the only GPU is taken by another kernel."""
    launch(busy_lab)
    yield opener(busy_lab)
    page.close()
    shut_down_kernels(busy_lab)


def launch(lab: LabServer) -> str:
    """Ask for a GPU without a notebook; return the launch's id."""
    body = {"image": IMAGE, "gpus": 1}
    return str(lab.request("gpu-containers/launches", "POST", body)["id"])


def notice(notebook: NotebookPage) -> Locator:
    """The notification about this notebook."""
    return notebook.notice("train.ipynb")


def test_a_notebook_waits_and_gets_the_gpu_when_it_is_free(
    busy: OpenNotebook, busy_lab: LabServer
) -> None:
    """It says its place, who has the GPU, and says so again after a reload."""
    holder = busy_lab.launches()[0]
    before = launch(busy_lab)
    notebook = busy()
    notebook.choose("PyTorch 25.08")
    expect(notebook.button).to_have_text(SECOND, timeout=START_TIMEOUT)
    steps = re.compile(f"✓ Checked.*{SECOND}.*Start the container")
    expect(notice(notebook)).to_contain_text(steps)
    notebook.run(1)
    notebook.expect_prompt(1, "[*]:")

    notebook.reload()
    expect(notebook.button).to_have_text(SECOND, timeout=START_TIMEOUT)
    expect(notice(notebook)).to_contain_text(SECOND)

    busy_lab.request(f"gpu-containers/launches/{before}", "DELETE")
    expect(notebook.button).to_have_text(NEXT)
    busy_lab.request(f"gpu-containers/launches/{holder['id']}", "DELETE")
    notebook.expect_environment("PyTorch 25.08 · 1 GPU")
    expect(notice(notebook)).to_have_count(0)
    notebook.wait_for_kernel("PyTorch 25.08 · 1 GPU")
    notebook.run(1)
    notebook.expect_output(1, "new")


def test_start_on_the_cpu_instead(busy: OpenNotebook) -> None:
    notebook = busy()
    notebook.choose("PyTorch 25.08")
    notice(notebook).get_by_role("button", name="Start on CPU").click()
    notebook.expect_environment("PyTorch 25.08 · CPU")
    notebook.wait_for_kernel("PyTorch 25.08 · CPU")
    expect(notice(notebook)).to_have_count(0)


def test_leave_the_queue(busy: OpenNotebook, busy_lab: LabServer) -> None:
    """The notebook has the kernel that it had, and nothing is left of the launch."""
    notebook = busy()
    notebook.run(0)
    notebook.choose("PyTorch 25.08")
    expect(notebook.button).to_have_text(NEXT, timeout=START_TIMEOUT)
    notebook.button.get_by_role("button").click()
    expect(notebook.dialog).to_contain_text(re.compile("The GPUs are held by PyTorch 25.08"))
    notebook.dialog.get_by_role("button", name="Cancel Start").click()
    notebook.expect_environment("Select environment")
    expect(notice(notebook)).to_have_count(0)
    assert busy_lab.launches()[0]["phase"] == "cancelled"
    notebook.run(1)
    notebook.expect_output(1, "old")
