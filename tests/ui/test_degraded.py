"""JupyterLab goes on to work where part of us is missing, disabled, or without an engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, Route, expect

from .conftest import OpenNotebook
from .page import NotebookPage
from .server import LabServer, lab_server

pytestmark = pytest.mark.ui

Opener = Callable[[LabServer], OpenNotebook]

FRONT_END = "jupyter-gpu-containers"
LEAVES = (  # plugins that no other one needs
    "attach",
    "cell-executor",
    "idle",
    "images",
    "notebooks",
    "panel",
    "queue",
    "remembered",
    "session-dialogs",
    "shells",
    "toolbar",
)


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What the browser's console says of errors, and those that nobody caught."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # the browser itself tells of the one question whether the server half is there
        is_probe = "gpu-containers/" in message.location.get("url", "")
        if message.type == "error" and not is_probe:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def run_a_cell(notebook: NotebookPage) -> None:
    notebook.run(0)
    notebook.expect_output(0, "42")


def has_stock_dialog(notebook: NotebookPage) -> None:
    notebook.page.locator(".jp-KernelName:visible").click()
    expect(notebook.dialog).to_contain_text("Select Kernel")
    notebook.dialog.get_by_role("button", name="Cancel").click()


def is_without_us(notebook: NotebookPage) -> None:
    run_a_cell(notebook)
    page = notebook.page
    expect(notebook.button).to_have_count(0)
    expect(page.get_by_role("tab", name="GPUs and containers")).to_have_count(0)
    has_stock_dialog(notebook)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    expect(page.get_by_role("menuitem", name="Interrupt Kernel")).to_be_visible()
    ours = page.get_by_role("menuitem", name=re.compile("Environment|Container"))
    expect(ours).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+C")
    palette = page.locator("#modal-command-palette")
    expect(palette).to_contain_text("Restart Kernel")
    expect(palette).not_to_contain_text("GPU Containers", ignore_case=True, use_inner_text=True)


def test_without_the_server_half_there_is_nothing_of_us(
    assets: Path, tmp_path: Path, opener: Opener, errors: list[str]
) -> None:
    with lab_server(tmp_path / "lab", extension=False) as lab:
        is_without_us(opener(lab)("print(6 * 7)"))
    assert errors == []


def test_where_nothing_answers_there_is_nothing_of_us(
    demo: OpenNotebook, page: Page, errors: list[str]
) -> None:
    """JupyterLite, say, answers every address that it does not know with a page."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404, content_type="text/html", body="<h1>404</h1>")

    page.route("**/gpu-containers/**", answer)
    is_without_us(demo("print(6 * 7)"))
    assert len({url.partition("?")[0] for url in asked}) <= 3, asked  # who is not there is left be
    assert errors == []


def test_without_the_front_end_there_is_nothing_of_us(
    demo: OpenNotebook, demo_lab: LabServer, errors: list[str]
) -> None:
    with demo_lab.without(FRONT_END):
        is_without_us(demo("print(6 * 7)"))
    assert errors == []


def test_our_plugins_can_be_disabled(
    demo: OpenNotebook, demo_lab: LabServer, errors: list[str]
) -> None:
    with demo_lab.without(*(f"{FRONT_END}:{name}" for name in LEAVES)):
        notebook = demo("print(6 * 7)")
        run_a_cell(notebook)
        has_stock_dialog(notebook)
        expect(notebook.button).to_have_count(0)
    assert errors == []


@pytest.mark.parametrize("missing", ["model", "switcher", "kernel-questions"])
def test_without_what_the_others_need_cells_run(
    demo: OpenNotebook, demo_lab: LabServer, missing: str
) -> None:
    with demo_lab.without(f"{FRONT_END}:{missing}"):
        notebook = demo("print(6 * 7)")
        run_a_cell(notebook)
        has_stock_dialog(notebook)


def test_without_an_engine_the_fix_is_shown(assets: Path, tmp_path: Path, opener: Opener) -> None:
    config = {"GpuContainers": {"engine_url": f"unix://{tmp_path}/none.sock", "fixed_gpus": []}}
    with lab_server(tmp_path / "lab", config=config) as lab:
        problem = lab.request("gpu-containers/status")["problem"]
        notebook = opener(lab)("print(6 * 7)")
        run_a_cell(notebook)
        notebook.page.get_by_role("tab", name="GPUs and containers").click()
        alert = notebook.panel.get_by_role("alert")  # once, not in each section
        expect(alert).to_contain_text(problem["message"])
        hint, command, *_ = problem["hint"].split("`")
        expect(alert).to_contain_text(hint.strip())
        expect(alert.get_by_text(command, exact=True)).to_be_visible()
        expect(alert.get_by_role("button", name="Copy command", exact=True)).to_be_visible()
        alert.get_by_role("button", name="Try again").click()
        expect(alert).to_contain_text(problem["message"])
        notebook.button.get_by_role("button").click()
        expect(notebook.dialog.get_by_role("alert")).to_contain_text(problem["message"])
