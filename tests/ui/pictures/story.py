"""The README's pictures of a whole JupyterLab, with a notebook that trains in a container.

Everything in them is real but NVIDIA's side and the images' names: the fake driver shows a machine
that many people have, and test images stand in for images that need gigabytes.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.conftest import IMAGES
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import FakeDriver, fake_driver
from tests.ui.page import START_TIMEOUT, NotebookPage
from tests.ui.server import ROOT, LabServer, lab_server
from tests.ui.stage.themes import DARK, LIGHT

from .browser import SCALE

SAMPLE = ROOT / "tests" / "samples" / "train.ipynb"
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
NAMES = {
    IMAGES.cuda: "nvcr.io/nvidia/pytorch:25.08-py3",
    IMAGES.debian12: "quay.io/jupyter/scipy-notebook:latest",
    IMAGES.debian13: "registry.example.org/lab/analysis:2026.11",
}
SIZE: ViewportSize = {"width": 1280, "height": 760}
_EXECUTE = "([id, args]) => window.jupyterapp.commands.execute(id, args)"
_HAS_THEME = "name => document.body.dataset.jpThemeName === name"
GPU = """
[gpu{n}]
name = NVIDIA L40S
uuid = GPU-5f0c6a4e-0b7d-4c58-9a51-3d2e8c9b7a0{n}
minor = {n}
cc = 8.9
mem_mib = 46068
reserved_mib = 600
used_mib = 2
mig = na
"""


def machine() -> str:
    """Return a server with four GPUs; another program computes on the third."""
    gpus = [GPU.format(n=n) for n in range(4)]
    gpus[2] = gpus[2].replace("used_mib = 2", f"used_mib = 20620\nproc0 = {os.getpid()}, 20480")
    return "[system]\ndriver = 580.95.05\ncuda = 13000\n" + "".join(gpus)


def provide_images(engine: HookEngine) -> None:
    """Load the test images, under names that people know."""
    engine.load(*NAMES, source=ENGINE)
    with closing(engine.client()) as client:
        for ours, theirs in NAMES.items():
            client.images.get(ours).tag(theirs)
            client.images.remove(ours)


def play(page: Page, lab: LabServer, driver: FakeDriver) -> None:
    """Use the interface as a person would."""
    notebook = NotebookPage(page, lab, "moons/train.ipynb")
    notebook.folder.mkdir()
    (lab.root / notebook.path).write_text(SAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    notebook.open()
    notebook.wait_for_kernel()
    notebook.choose("PyTorch 25.08")
    notebook.wait_for_kernel("PyTorch 25.08 · 1 GPU")
    other = {"image": NAMES[IMAGES.debian13], "gpus": 1, "path": "moons/features.ipynb"}
    lab.request("gpu-containers/launches", "POST", other)
    page.get_by_role("tab", name="GPUs and containers").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    expect(notebook.panel.get_by_label("GPUs", exact=True)).to_contain_text("1 of 4 free")
    kernels = notebook.panel.get_by_label("Running")
    expect(kernels).not_to_contain_text("Starting", timeout=START_TIMEOUT)
    driver.edit("gpu0", used_mib="17510")
    driver.edit("gpu1", used_mib="6250")
    expect(notebook.panel).to_contain_text("17.1 of 44.4 GB", timeout=20_000)
    plot = page.locator(".jp-Notebook .jp-OutputArea-output img")
    plot.wait_for()
    notebook.wait_for_kernel()
    plot.scroll_into_view_if_needed()


def take(browser: Browser, folder: Path, pictures: Path) -> list[Path]:
    """Make the pictures, and return them; a folder of their own is needed for what is scratch."""
    folder.mkdir()
    driver = fake_driver(folder, "h200")
    driver.machine.write_text(machine())
    engine = HookEngine(driver)
    made = []
    try:
        engine.start()
        provide_images(engine)
        config = {"GpuContainers": {"engine_url": engine.host, "network": "none"}}
        with lab_server(folder / "lab", config=config, env=driver.env) as lab:
            page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE)
            play(page, lab, driver)
            for ending, theme in (("light", LIGHT), ("dark", DARK)):
                arguments = ["apputils:change-theme", {"theme": theme}]
                page.evaluate(_EXECUTE, arguments)
                page.wait_for_function(_HAS_THEME, arg=theme)
                page.locator("#jupyterlab-splash").wait_for(state="detached")
                page.mouse.move(700, 5)
                made.append(pictures / f"story-{ending}.png")
                page.screenshot(path=made[-1])
            page.close()
    finally:
        engine.remove()
    return made
