"""What JupyterLab has itself does right by our kernels: launcher, menus, running list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import OpenNotebook
from .page import NotebookPage
from .server import LabServer

pytestmark = pytest.mark.ui

TORCH = "nvcr.io/nvidia/pytorch:25.08-py3"
PYTORCH = "PyTorch 25.08 · 1 GPU"
TENSORFLOW = "TensorFlow 2.18 · 1 GPU"
SHORTCUT = "Ctrl Alt G"
RAPIDS = "rapidsai/base:25.08-cuda12.9-py3.12"
# whether what was started last is kept where nobody sets it
IS_MOVED = """async () => {
  const { settings } = window.jupyterapp.serviceManager;
  const { raw } = await settings.fetch('jupyter-gpu-containers:commands');
  return !raw.includes('lastEnvironment');
}"""


def execute(notebook: NotebookPage, command: str, **args: Any) -> Any:
    run = "([command, args]) => window.jupyterapp.commands.execute(command, args)"
    return notebook.page.evaluate(run, [command, args])


def phases(notebook: NotebookPage) -> list[str]:
    return [launch["phase"] for launch in notebook.lab.launches()]


def test_launcher_cards_appear_with_the_environment_and_start_it(demo: OpenNotebook) -> None:
    notebook = demo()
    notebook.page.keyboard.press("Control+Shift+L")
    launcher = notebook.page.locator(".jp-Launcher")
    expect(launcher).to_be_visible()
    card = launcher.locator(".jp-LauncherCard[data-category='Notebook']", has_text="TensorFlow")
    expect(card).to_have_count(0)
    added = {"image": "tensorflow/tensorflow:2.18.0-gpu", "gpus": 1}
    name = notebook.lab.request("gpu-containers/environments", "POST", added)["name"]
    expect(card).to_be_visible()  # JupyterLab alone would take a minute
    icon = card.locator("img")
    expect(icon).to_have_attribute("src", f"/kernelspecs/{name}/logo-svg.svg")
    assert icon.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    card.click()
    notebook.wait_for_kernel(TENSORFLOW)
    expect(notebook.button).to_have_text(TENSORFLOW)
    notebook.lab.request(f"gpu-containers/environments/{name}", "DELETE")


def test_the_launcher_leads_to_containers_before_there_is_an_environment(
    demo: OpenNotebook,
) -> None:
    notebook = demo()
    page = notebook.page
    page.keyboard.press("Control+Shift+L")
    launcher = page.locator(".jp-Launcher")
    card = launcher.get_by_role("button", name="Notebook in Container…")
    icon = card.locator("img")
    assert icon.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    card.click()
    expect(notebook.dialog).to_contain_text("Environment for Untitled.ipynb")
    choice = notebook.dialog.locator(".jp-GpuContainers-choice").filter(has_text="PyTorch 25.08")
    choice.get_by_role("button").click()
    notebook.wait_for_kernel(PYTORCH)
    expect(launcher).to_have_count(0)  # the notebook has its place
    assert (notebook.folder / "Untitled.ipynb").exists()


def test_a_new_notebook_in_an_image(demo: OpenNotebook) -> None:
    notebook = demo()
    path = execute(notebook, "gpu-containers:new-notebook", image=TORCH, gpus=1)
    notebook.wait_for_kernel(PYTORCH)
    assert path == f"{notebook.path.rpartition('/')[0]}/Untitled.ipynb"  # beside the current one
    expect(notebook.dialog).to_have_count(0)
    assert len([phase for phase in phases(notebook) if phase == "running"]) == 1

    notebook.page.evaluate(
        """() => void (window.made = window.jupyterapp.commands.execute(
          'gpu-containers:new-notebook', {environment: 'gone'}))"""
    )
    expect(notebook.dialog).to_contain_text("gone")
    notebook.dialog.get_by_role("button", name="Close").click()
    expect(notebook.dialog).to_have_count(0)
    assert notebook.page.evaluate("window.made") is None  # awaited
    assert not (notebook.folder / "Untitled1.ipynb").exists()


def test_menus_palette_and_shortcut(demo: OpenNotebook) -> None:
    notebook = demo()
    page = notebook.page
    entries = {
        "Select Environment…": True,
        "Use the Notebook’s Last Environment…": False,
        "Open Terminal in Kernel’s Container": False,
        "Show Log of Kernel’s Container": False,
        "Save Kernel’s Container as Image…": False,
    }

    def check_menu() -> None:
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        menu = page.locator(".lm-Menu")
        for label, is_enabled in entries.items():
            item = menu.get_by_role("menuitem", name=label)
            expect(item).to_be_visible()
            assert ("lm-mod-disabled" not in (item.get_attribute("class") or "")) is is_enabled
        page.keyboard.press("Escape")

    check_menu()  # the notebook's kernel is not in a container
    notebook.cell(0).locator(".cm-content").click()
    page.keyboard.press("Control+Alt+g")
    expect(notebook.dialog).to_contain_text("RAPIDS 25.08")
    page.keyboard.press("Escape")
    notebook.choose("RAPIDS 25.08")
    notebook.wait_for_kernel("RAPIDS 25.08 · 1 GPU")
    entries = dict.fromkeys(entries, True)
    check_menu()

    page.keyboard.press("Control+Shift+C")
    palette = page.locator("#modal-command-palette")
    palette.get_by_role("textbox").fill("GPU Containers")
    for label in ("Notebook in Container…", "Select Environment…", "Build", "Log In"):
        expect(palette).to_contain_text(label)
    page.keyboard.press("Escape")

    bindings = page.evaluate(
        "() => window.jupyterapp.commands.keyBindings.map(b => [b.keys.join(' '), b.command])"
    )
    assert [command for keys, command in bindings if keys == SHORTCUT] == [
        "gpu-containers:select-environment"
    ]


def test_restart_and_shut_down_all_are_jupyters(demo: OpenNotebook) -> None:
    notebook = demo()
    page = notebook.page
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel(PYTORCH)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:restart-kernel')")
    notebook.dialog.get_by_role("button", name="Confirm Kernel Restart").click()
    notebook.run(1)
    notebook.expect_output(1, "new")
    assert phases(notebook).count("running") == 1  # the same container

    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    running = page.locator(".jp-RunningSessions")
    expect(running).to_contain_text("train.ipynb")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down All Kernels…").click()
    notebook.dialog.get_by_role("button", name="Shut Down All").click()
    expect(notebook.open_panel().get_by_label("GPUs", exact=True)).to_contain_text("2 of 2 free")
    expect(notebook.panel.get_by_label("Running", exact=True)).to_contain_text("No kernel runs")
    assert "running" not in phases(notebook)


def settings_of(lab: LabServer, name: str) -> Path:
    """Where a user's own settings of one of our plugins lie."""
    folder = lab.root.parent / "settings" / "jupyter-gpu-containers"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.jupyterlab-settings"


def test_settings(demo: OpenNotebook, demo_lab: LabServer) -> None:
    file = settings_of(demo_lab, "commands")
    file.write_text(json.dumps({"toolbarButton": False, "rememberInNotebooks": False}))
    try:
        notebook = demo()
        expect(notebook.button).to_have_count(0)
        asked = {"path": notebook.path, "image": TORCH, "gpus": 1}
        execute(notebook, "gpu-containers:launch", **asked)
        notebook.wait_for_kernel(PYTORCH)
        expect(notebook.page.locator(".jp-KernelName:visible")).to_contain_text(PYTORCH)
        execute(notebook, "docmanager:save")
        content = json.loads((notebook.lab.root / notebook.path).read_text(encoding="utf-8"))
        assert "jupyter_gpu_containers" not in content["metadata"]
    finally:
        file.unlink()


def test_the_last_choice_is_no_setting_to_be_seen(demo: OpenNotebook, demo_lab: LabServer) -> None:
    """An earlier version kept it among those that people set: they still count, and it is moved."""
    file, store = (settings_of(demo_lab, name) for name in ("commands", "last"))
    store.unlink(missing_ok=True)
    file.write_text(json.dumps({"toolbarButton": False, "lastEnvironment": {"image": RAPIDS}}))
    try:
        notebook = demo()
        expect(notebook.button).to_have_count(0)
        notebook.page.keyboard.press("Control+Alt+g")
        expect(notebook.dialog.get_by_role("radio", name="RAPIDS 25.08")).to_be_checked()
        notebook.dialog.get_by_role("button", name="Cancel").click()
        notebook.page.wait_for_function(IS_MOVED)
        assert RAPIDS in store.read_text()
        execute(notebook, "settingeditor:open", query="GPU containers")
        editor = notebook.page.locator(".jp-SettingsPanel")
        expect(editor).to_contain_text("Ask before something is lost")
        expect(editor).not_to_contain_text("started last")
    finally:
        file.unlink()
        store.unlink(missing_ok=True)
