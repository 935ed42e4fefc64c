"""JupyterLab goes on to work where part of us is missing, disabled, or without an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import OpenNotebook
from .page import NotebookPage
from .server import LabServer, lab_server

pytestmark = pytest.mark.ui

Opener = Callable[[LabServer], OpenNotebook]

FRONT_END = "jupyter-gpu-containers"


def run_a_cell(notebook: NotebookPage) -> None:
    notebook.run(0)
    notebook.expect_output(0, "42")


def is_without_us(notebook: NotebookPage) -> None:
    run_a_cell(notebook)
    expect(notebook.button).to_have_count(0)
    expect(notebook.page.get_by_role("tab", name="GPUs and containers")).to_have_count(0)


def test_without_the_server_half_there_is_nothing_of_us(
    assets: Path, tmp_path: Path, opener: Opener
) -> None:
    with lab_server(tmp_path / "lab", extension=False) as lab:
        is_without_us(opener(lab)("print(6 * 7)"))


def test_without_the_front_end_there_is_nothing_of_us(
    demo: OpenNotebook, demo_lab: LabServer
) -> None:
    with demo_lab.without(FRONT_END):
        is_without_us(demo("print(6 * 7)"))


def test_our_plugins_can_be_disabled_one_by_one(demo: OpenNotebook, demo_lab: LabServer) -> None:
    names = ("cell-executor", "session-dialogs", "panel")
    with demo_lab.without(*(f"{FRONT_END}:{name}" for name in names)):
        notebook = demo("print(6 * 7)")
        run_a_cell(notebook)
        notebook.page.locator(".jp-KernelName").click()
        expect(notebook.dialog).to_contain_text("Select Kernel")
        notebook.dialog.get_by_role("button", name="Cancel").click()
        expect(notebook.button).to_have_text("Select environment")


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
