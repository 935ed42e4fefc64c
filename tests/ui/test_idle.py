"""An idle kernel in the browser: the warning, keeping it alive, its end, another start."""

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
PYTORCH = "PyTorch 25.08 · 1 GPU"
BRIEF = "PyTorch for a moment"
TIME = r"\d{1,2}:\d\d\s[AP]M"
WARNING = re.compile(
    rf"^The kernel of train\.ipynb will be stopped at {TIME}: "
    rf"nothing has run since {TIME} and its GPU is idle\."
)
KEEP_ALIVE = re.compile("/keep-alive")  # JupyterLab adds the time
STOPPED = "The kernel was stopped"


@pytest.fixture(scope="module")
def patient_lab(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab that warns soon, and stops no kernel while a test runs."""
    config = {
        "GpuContainers": {
            "backend": "memory",
            "fixed_gpus": [{**H100, "count": 2}],
            "idle_timeout": 10.0,
            "idle_warning": 600.0,
        }
    }
    with lab_server(tmp_path_factory.mktemp("patient") / "lab", config=config) as lab:
        yield lab


@pytest.fixture(scope="module")
def strict_lab(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab with an environment whose kernels are stopped soon.

    And it starts kernels that nobody asked for, where it may.
    """
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [H100], "idle_warning": 5.0}}
    settings = {"@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True}}
    folder = tmp_path_factory.mktemp("strict") / "lab"
    with lab_server(folder, config=config, settings=settings) as lab:
        body = {"image": IMAGE, "display_name": BRIEF, "gpus": 1, "idle_timeout": 10}
        lab.request("gpu-containers/environments", "POST", body)
        yield lab


@pytest.fixture
def patient(
    patient_lab: LabServer, opener: Callable[[LabServer], OpenNotebook], page: Page
) -> Iterator[OpenNotebook]:
    """Open a notebook where idle kernels are warned of."""
    yield opener(patient_lab)
    page.close()
    shut_down_kernels(patient_lab)


@pytest.fixture
def strict(
    strict_lab: LabServer, opener: Callable[[LabServer], OpenNotebook], page: Page
) -> Iterator[OpenNotebook]:
    """Open a notebook where idle kernels are stopped."""
    yield opener(strict_lab)
    page.close()
    shut_down_kernels(strict_lab)


def notice(notebook: NotebookPage, text: str | re.Pattern[str]) -> Locator:
    """The notification of this text."""
    return notebook.page.locator(".jp-toastContainer").get_by_role("alert").filter(has_text=text)


def on_a_gpu(open_notebook: OpenNotebook) -> NotebookPage:
    """Open a notebook, and start its kernel on a GPU."""
    notebook = open_notebook()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    return notebook


def for_a_moment(open_notebook: OpenNotebook, lab: LabServer) -> NotebookPage:
    """Open a notebook, and start its kernel where kernels are stopped soon."""
    notebook = open_notebook()
    found = lab.request("gpu-containers/environments")["environments"]
    [environment] = [one["name"] for one in found if one["display_name"] == BRIEF]
    notebook.page.evaluate(
        "environment => jupyterapp.commands.execute('gpu-containers:launch', {environment})",
        environment,
    )
    return notebook


def row(notebook: NotebookPage) -> Locator:
    """The kernel's row in the panel, which is open."""
    rows = notebook.panel.get_by_label("Running").get_by_role("listitem")
    return rows.filter(has_text="train.ipynb")


def expect_warning(notebook: NotebookPage) -> None:
    """Wait until the kernel is warned of."""
    expect(notice(notebook, WARNING)).to_be_visible(timeout=START_TIMEOUT)


def test_keep_alive_and_a_cell_withdraw_the_warning(
    patient: OpenNotebook, patient_lab: LabServer
) -> None:
    """It is in the panel, too, and stands after a reload."""
    notebook = on_a_gpu(patient)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    notebook.open_panel()
    expect_warning(notebook)
    stop_at = patient_lab.launches()[0]["idle"]["stop_at"]
    told = notebook.page.evaluate(
        "at => new Date(at).toLocaleTimeString('en', {timeStyle: 'short'})", stop_at
    )
    expect(notice(notebook, WARNING)).to_contain_text(f"will be stopped at {told}:")
    expect(row(notebook)).to_contain_text(re.compile(rf"Idle since {TIME}Stops at {TIME}"))

    with notebook.page.expect_response(KEEP_ALIVE) as kept:
        notice(notebook, WARNING).get_by_role("button", name="Keep alive").click()
    assert kept.value.json()["idle"] is None
    expect(notice(notebook, WARNING)).to_have_count(0)
    expect(row(notebook)).not_to_contain_text("Idle")

    expect_warning(notebook)  # still nobody uses it
    with notebook.page.expect_response(KEEP_ALIVE) as kept:
        row(notebook).get_by_role("button", name="Keep alive: train.ipynb").click()
    assert kept.value.ok
    expect(notice(notebook, WARNING)).to_have_count(0)

    expect_warning(notebook)
    notebook.reload()
    expect_warning(notebook)
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(1)
    expect(notice(notebook, WARNING)).to_have_count(0)
    notebook.expect_output(1, "old")


def test_a_cell_that_waits_for_input_is_no_idleness(
    patient: OpenNotebook, patient_lab: LabServer
) -> None:
    notebook = patient("input('go on?')")
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    answer = notebook.cell(0).locator(".jp-Stdin-input")
    expect(answer).to_be_visible()
    other = {"image": IMAGE, "gpus": 1}
    patient_lab.request("gpu-containers/launches", "POST", other)
    # one that was started later is warned of, so this one would have been, too
    expect(notice(notebook, f"The kernel of {PYTORCH} will")).to_be_visible(timeout=START_TIMEOUT)
    expect(notice(notebook, WARNING)).to_have_count(0)
    answer.fill("yes")
    answer.press("Enter")
    expect(notebook.cell(0)).to_contain_text("'yes'")
    expect_warning(notebook)
    expect(notice(notebook, "will be stopped")).to_have_count(2)


def test_left_alone_it_is_stopped_and_starts_again(
    strict: OpenNotebook, strict_lab: LabServer
) -> None:
    """The notebook says why, and the GPU is free."""
    notebook = for_a_moment(strict, strict_lab)
    expect_warning(notebook)
    expect(notebook.banner).to_contain_text(STOPPED, timeout=START_TIMEOUT)
    expect(notebook.banner).to_contain_text("its environment allows 10 seconds (--idle-timeout)")
    expect(notice(notebook, WARNING)).to_have_count(0)
    assert strict_lab.launches()[0]["error"]["code"] == "culled"
    expect(notebook.open_panel().get_by_label("GPUs", exact=True)).to_contain_text("1 of 1 free")
    notebook.run(1)
    expect(notebook.dialog).to_contain_text(f"ran in “{BRIEF}” and was stopped")
    notebook.dialog.get_by_role("button", name="Cancel").click()
    assert strict_lab.request("api/kernels") == []

    with notebook.page.expect_request(re.compile("/gpu-containers/launches")):
        notebook.banner.get_by_role("button", name="Start again").click()
    expect(notebook.banner).to_have_count(0)
    notebook.run(1)  # held until the kernel is there, which is stopped soon
    notebook.expect_output(1, "new")
    notebook.expect_environment(BRIEF)


def test_who_comes_back_later_is_told(strict: OpenNotebook, strict_lab: LabServer) -> None:
    """JupyterLab has started another kernel meanwhile: the choice is the user's."""
    notebook = for_a_moment(strict, strict_lab)
    expect(notebook.banner).to_contain_text(STOPPED, timeout=START_TIMEOUT)
    notebook.reload()
    notebook.wait_for_kernel("Python 3 (ipykernel)")
    expect(notebook.banner).to_contain_text(STOPPED)
    notebook.banner.get_by_role("button", name="Start again…").click()
    expect(notebook.dialog).to_contain_text("Environment for train.ipynb")
    notebook.dialog.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(1)
    notebook.expect_output(1, "new")
