"""An idle kernel in the browser: the warning, keeping it alive, its end, another start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from .conftest import H100, folder_of, shut_down_kernels
from .desk import Desk
from .page import OLD_OR_NEW, START_TIMEOUT, NotebookPage
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
_WRITE_DOWN = """() => {
  window.told = new Set();
  const look = () => document.querySelectorAll('.jp-toastContainer [role=alert]')
    .forEach(alert => window.told.add(alert.innerText));
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
_WRITTEN = "() => [...window.told]"


@pytest.fixture(scope="module")
def patient_lab(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab that warns soon, and stops no kernel while a test runs."""
    config = {
        "GpuContainers": {
            "backend": "memory",
            "fixed_gpus": [{**H100, "count": 2}],
            "idle_timeout": 1.0,
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
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [H100], "idle_warning": 2.0}}
    settings = {"@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True}}
    folder = tmp_path_factory.mktemp("strict") / "lab"
    with lab_server(folder, config=config, settings=settings) as lab:
        body = {"image": IMAGE, "display_name": BRIEF, "gpus": 1, "idle_timeout": 1}
        lab.request("gpu-containers/environments", "POST", body)
        yield lab


@pytest.fixture(scope="module")
def patient_page(
    browser: Browser, browser_context_args: dict[str, Any], patient_lab: LabServer
) -> Iterator[Desk]:
    """A page where idle kernels are warned of."""
    desk = Desk(browser, browser_context_args, patient_lab)
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def strict_page(
    browser: Browser, browser_context_args: dict[str, Any], strict_lab: LabServer
) -> Iterator[Desk]:
    """A page where idle kernels are stopped."""
    desk = Desk(browser, browser_context_args, strict_lab)
    yield desk
    desk.close()


@pytest.fixture
def patient(patient_page: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook where idle kernels are warned of."""
    with patient_page.used(request, folder_of(request)) as desk:
        yield desk
    shut_down_kernels(desk.lab)


@pytest.fixture
def strict(strict_page: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook where idle kernels are stopped."""
    with strict_page.used(request, folder_of(request)) as desk:
        yield desk
    shut_down_kernels(desk.lab)


def notice(notebook: NotebookPage, text: str | re.Pattern[str]) -> Locator:
    """The notification of this text."""
    return notebook.page.locator(".jp-toastContainer").get_by_role("alert").filter(has_text=text)


def for_a_moment(desk: Desk) -> NotebookPage:
    """Open a notebook whose kernel is stopped soon, and leave it alone once a cell has run."""
    notebook = desk("input('go on?')", OLD_OR_NEW, f"{OLD_OR_NEW}\ninput('stay')")
    found = desk.lab.request("gpu-containers/environments")["environments"]
    [environment] = [one["name"] for one in found if one["display_name"] == BRIEF]
    notebook.page.evaluate(
        "environment => void jupyterapp.commands.execute('gpu-containers:launch', {environment})",
        environment,
    )
    expect(notebook.button).to_contain_text("Starting")
    notebook.run(0)  # it is used from the first moment on
    notebook.page.evaluate(_WRITE_DOWN)
    answer(notebook, "yes")
    return notebook


def answer(notebook: NotebookPage, text: str) -> None:
    """Give the first cell what it asks for, once it does."""
    asked = notebook.cell(0).locator(".jp-Stdin-input")
    asked.wait_for(timeout=START_TIMEOUT)
    asked.fill(text)
    asked.press("Enter")


@contextmanager
def withdrawn(what: Locator) -> Iterator[None]:
    """Have something vanish; nobody uses the kernel then, so that another takes its place soon."""
    node = what.element_handle()
    yield
    what.page.wait_for_function("node => !node.isConnected", arg=node)


def row(notebook: NotebookPage) -> Locator:
    """The kernel's row in the panel, which is open."""
    rows = notebook.panel.get_by_label("Running").get_by_role("listitem")
    return rows.filter(has_text="train.ipynb")


def expect_warning(notebook: NotebookPage) -> None:
    """Wait until the kernel is warned of."""
    expect(notice(notebook, WARNING)).to_be_visible(timeout=START_TIMEOUT)


def test_keep_alive_withdraws_the_warning(patient: Desk) -> None:
    """It is in the panel, too."""
    notebook = patient()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    notebook.open_panel()
    expect_warning(notebook)
    stop_at = patient.lab.launches()[0]["idle"]["stop_at"]
    told = notebook.page.evaluate(
        "at => new Date(at).toLocaleTimeString('en', {timeStyle: 'short'})", stop_at
    )
    expect(notice(notebook, WARNING)).to_contain_text(f"will be stopped at {told}:")
    expect(row(notebook)).to_contain_text(re.compile(rf"Idle since {TIME}Stops at {TIME}"))

    button = row(notebook).get_by_role("button", name="Keep alive: train.ipynb")
    warning = notice(notebook, WARNING)
    with (
        withdrawn(button),
        withdrawn(warning),
        notebook.page.expect_response(KEEP_ALIVE) as kept,
    ):
        warning.get_by_role("button", name="Keep alive").click()
    assert kept.value.json()["idle"] is None

    expect_warning(notebook)  # still nobody uses it
    with withdrawn(warning), notebook.page.expect_response(KEEP_ALIVE) as kept:
        button.click()
    assert kept.value.ok
    expect_warning(notebook)


def test_the_warning_stands_after_a_reload_and_a_cell_withdraws_it(patient: Desk) -> None:
    notebook = patient()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    expect_warning(notebook)
    notebook.reload()
    expect_warning(notebook)
    notebook.wait_for_kernel(PYTORCH)
    with withdrawn(notice(notebook, WARNING)):
        notebook.run(1)
    notebook.expect_output(1, "old")


def test_a_cell_that_waits_for_input_is_no_idleness(patient: Desk) -> None:
    notebook = patient("input('go on?')")
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    expect(notebook.cell(0).locator(".jp-Stdin-input")).to_be_visible()
    other = {"image": IMAGE, "gpus": 1}
    patient.lab.request("gpu-containers/launches", "POST", other)
    # one that was started later is warned of, so this one would have been, too
    expect(notice(notebook, f"The kernel of {PYTORCH} will")).to_be_visible(timeout=START_TIMEOUT)
    expect(notice(notebook, WARNING)).to_have_count(0)
    answer(notebook, "yes")
    expect(notebook.cell(0)).to_contain_text("'yes'")
    expect_warning(notebook)
    expect(notice(notebook, "will be stopped")).to_have_count(2)


def test_left_alone_it_is_stopped_and_starts_again(strict: Desk) -> None:
    """The notebook says why, and the GPU is free."""
    lab = strict.lab
    notebook = for_a_moment(strict)
    expect(notebook.banner).to_contain_text(STOPPED, timeout=START_TIMEOUT)
    assert any(map(WARNING.match, notebook.page.evaluate(_WRITTEN)))
    expect(notebook.banner).to_contain_text("its environment allows 1 second (--idle-timeout)")
    expect(notice(notebook, WARNING)).to_have_count(0)
    assert lab.launches()[0]["error"]["code"] == "culled"
    expect(notebook.open_panel().get_by_label("GPUs", exact=True)).to_contain_text("1 of 1 free")
    notebook.run(1)
    expect(notebook.dialog).to_contain_text(f"ran in “{BRIEF}” and was stopped")
    notebook.dialog.get_by_role("button", name="Cancel").click()
    assert lab.request("api/kernels") == []

    with notebook.page.expect_request(re.compile("/gpu-containers/launches")):
        notebook.banner.get_by_role("button", name="Start again").click()
    expect(notebook.banner).to_have_count(0)
    notebook.run(2)  # held until the kernel is there; it is in use from then on
    expect(notebook.cell(2).locator(".jp-OutputArea-output").first).to_have_text(
        "new", timeout=START_TIMEOUT
    )
    notebook.expect_environment(BRIEF)


def test_who_comes_back_later_is_told(strict: Desk) -> None:
    """JupyterLab has started another kernel meanwhile: the choice is the user's."""
    notebook = for_a_moment(strict)
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
