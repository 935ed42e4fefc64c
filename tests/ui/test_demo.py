"""The whole interface on the memory backend: choose, start, switch, refuse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Request, expect

from .desk import Desk
from .page import OLD_OR_NEW

pytestmark = pytest.mark.ui

PYTORCH = "PyTorch 25.08 · 1 GPU"
RAPIDS = "RAPIDS 25.08 · 1 GPU"
ENDLESS = "quay.io/jupyter/endless:1"


def test_the_panel_says_what_there_is(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.page.get_by_role("tab", name="GPUs and containers").click()
    panel = notebook.panel
    expect(panel.get_by_role("note")).to_contain_text("Demo")
    expect(panel.get_by_label("GPUs")).to_contain_text("2 of 2 free")
    expect(panel.get_by_label("GPUs")).to_contain_text("0 of 80 GB")
    expect(panel.get_by_label("Images")).to_contain_text("PyTorch 25.08")
    expect(panel.get_by_label("Running")).to_contain_text("No kernel runs in a container.")


def test_an_image_is_started_for_a_notebook(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.run(0)
    notebook.run(1)
    notebook.expect_output(1, "old")
    expect(notebook.button).to_have_text("Select environment")

    notebook.button.get_by_role("button").click()
    expect(notebook.dialog).to_contain_text("2 of 2 free")
    notebook.dialog.get_by_role("radio", name="RAPIDS 25.08").check()
    notebook.dialog.get_by_label("GPUs").select_option(label="2 GPUs")
    notebook.dialog.get_by_role("button", name="Start", exact=True).last.click()
    notebook.expect_environment("RAPIDS 25.08 · 2 GPUs")
    notebook.wait_for_kernel("RAPIDS 25.08 · 2 GPUs")

    notebook.expect_output(1, "old")  # outputs stay
    notebook.run(1)
    notebook.expect_output(1, "new")
    notebook.page.get_by_role("tab", name="GPUs and containers").click()
    expect(notebook.panel.get_by_label("GPUs", exact=True)).to_contain_text("0 of 2 free")
    expect(notebook.panel.get_by_label("Running")).to_contain_text("train.ipynb")


def test_two_clicks_switch_and_a_cell_run_meanwhile_runs_on_the_new_kernel(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")

    notebook.choose("RAPIDS 25.08")
    notebook.run(1)
    notebook.expect_output(1, "new")
    notebook.expect_environment(RAPIDS)
    notebook.page.get_by_role("tab", name="GPUs and containers").click()
    expect(notebook.panel.get_by_label("GPUs", exact=True)).to_contain_text("1 of 2 free")


def test_a_switch_that_is_refused_leaves_the_old_kernel(demo_desk: Desk) -> None:
    """More GPUs than there are, which the dialog does not offer."""
    notebook = demo_desk("x = 1", OLD_OR_NEW)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    wanted = {"path": notebook.path, "image": "nvcr.io/nvidia/pytorch:25.08-py3", "gpus": 3}
    notebook.page.evaluate(
        "args => void window.jupyterapp.commands.execute('gpu-containers:launch', args)", wanted
    )
    refusal = "3 GPUs were asked for, but this machine has 2."
    failure = notebook.notice("The kernel of train.ipynb did not start.")
    expect(failure).to_contain_text(refusal)
    expect(failure.get_by_role("button", name="Choose fewer GPUs…")).to_be_visible()
    failure.get_by_role("button", name="Details").click()
    expect(notebook.dialog.get_by_role("alert")).to_contain_text(refusal)
    expect(notebook.dialog).to_contain_text("keeps the kernel that it had")
    notebook.dialog.get_by_role("button", name="Close").click()
    expect(notebook.button).to_have_text("Select environment")
    notebook.run(1)
    notebook.expect_output(1, "old")


def test_a_download_is_told_on_the_button_and_can_be_cancelled(demo_desk: Desk) -> None:
    """It goes on in a page that was reloaded, and is given up with the start."""
    notebook = demo_desk("x = 1", OLD_OR_NEW)
    wanted = {"path": notebook.path, "image": ENDLESS, "pull": True}
    notebook.page.evaluate(
        "args => void window.jupyterapp.commands.execute('gpu-containers:launch', args)", wanted
    )
    downloading = re.compile(r"Downloading [\d.]+ of [\d.]+ GB")
    expect(notebook.button).to_have_text(downloading)
    expect(notebook.notice("train.ipynb")).to_contain_text(downloading)
    notebook.reload()
    expect(notebook.button).to_have_text(downloading)
    notebook.notice("train.ipynb").get_by_role("button", name="Cancel Start").click()
    expect(notebook.button).to_have_text("Select environment")
    expect(notebook.notice("train.ipynb")).to_have_count(0)
    (job, *_) = notebook.lab.request("gpu-containers/jobs")["jobs"]
    assert (job["reference"], job["state"]) == (ENDLESS, "cancelled")


def test_the_stock_picker_and_the_launcher_show_environments(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.choose("RAPIDS 25.08")
    notebook.wait_for_kernel(RAPIDS)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")

    notebook.button.get_by_role("button").click()
    notebook.dialog.get_by_role("button", name="Other Kernel…").click()
    notebook.dialog.locator("select").select_option(label=PYTORCH)
    notebook.dialog.get_by_role("button", name="Select", exact=False).last.click()
    notebook.run(1)
    notebook.expect_output(1, "new")
    notebook.expect_environment(PYTORCH)
    notebook.page.get_by_role("tab", name="GPUs and containers").click()
    kernels = notebook.panel.get_by_label("Running").get_by_role("listitem")
    expect(kernels).to_have_text([re.compile(f"train.ipynb{PYTORCH}")])

    notebook.page.keyboard.press("Control+Shift+L")
    card = notebook.page.locator(".jp-LauncherCard", has_text=RAPIDS)
    expect(card.first).to_be_visible()


def test_a_double_click_on_the_panel_shuts_one_kernel_down(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    other = demo_desk(name="other")
    other.choose("PyTorch 25.08")
    other.wait_for_kernel(PYTORCH)
    panel, mouse = other.open_panel(), other.page.mouse
    rows = panel.get_by_role("button", name=re.compile("^Shut down the kernel of"))
    expect(rows).to_have_count(2)
    ended: list[str] = []

    def note(sent: Request) -> None:
        if is_end(sent):
            ended.append(sent.url)

    other.page.on("request", note)
    rows.first.click()
    expect(rows).to_have_count(1)  # the second row is under the pointer now
    mouse.down(click_count=2)
    mouse.up(click_count=2)
    rows.click(click_count=1)  # and is meant now
    expect(panel.get_by_label("GPUs", exact=True)).to_contain_text("2 of 2 free")
    expect(panel.get_by_label("Running")).to_contain_text("No kernel runs")
    assert len(ended) == len(set(ended)) == 2
    other.page.remove_listener("request", note)


def is_end(sent: Request) -> bool:
    """Whether a request of the page ends a kernel."""
    return sent.method == "DELETE" and "/launches/" in sent.url


def test_a_page_reloaded_after_the_click_has_one_kernel(demo_desk: Desk) -> None:
    notebook = demo_desk()
    notebook.choose("PyTorch 25.08")
    expect(notebook.button).not_to_have_text("Select environment")
    notebook.reload()
    notebook.expect_environment(PYTORCH)
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(1)
    notebook.expect_output(1, "new")
    running = [launch for launch in notebook.lab.launches() if launch["phase"] == "running"]
    assert len(running) == 1
