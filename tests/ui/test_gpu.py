"""Notebooks on GPUs, from the dialog to the device node: real engine, NVIDIA's side is a double."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.doubles.engine import HookEngine
from tests.doubles.nvml import fake_driver

from .conftest import folder_of, shut_down_kernels
from .desk import Desk
from .page import OLD_OR_NEW, NotebookPage
from .server import LabServer, lab_server

pytestmark = [pytest.mark.ui, pytest.mark.engine, pytest.mark.root]

MACHINE = "dgx-a100-mig"  # 8 GPUs, two of them split into 11 MIG instances
NODES = "import glob; print(len(glob.glob('/dev/nvidia[0-9]*')))"
PYTORCH = "PyTorch 25.08 · 1 GPU"


@pytest.fixture(scope="module")
def gpu_engine(tmp_path_factory: pytest.TempPathFactory, engine_host: str) -> Iterator[HookEngine]:
    """An engine that gives out fake GPUs, with an image of CUDA's kind and a plain one."""
    engine = HookEngine(fake_driver(tmp_path_factory.mktemp("driver"), MACHINE))
    try:
        engine.begin_with("jgc-test/cuda:latest", "jgc-test/debian12:py311", source=engine_host)
        engine.start()
        yield engine
    finally:
        engine.remove()


@pytest.fixture(scope="module")
def gpu_lab(
    assets: Path, gpu_engine: HookEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    """JupyterLab on this engine; the server loads the driver's library as it would a real one."""
    config = {"GpuContainers": {"engine_url": gpu_engine.host, "network": "none"}}
    folder = tmp_path_factory.mktemp("gpu") / "lab"
    with lab_server(folder, config=config, env=gpu_engine.driver.env) as lab:
        yield lab


@pytest.fixture(scope="module")
def kept_page(
    browser: Browser, browser_context_args: dict[str, Any], gpu_lab: LabServer
) -> Iterator[Desk]:
    """A page of its JupyterLab."""
    desk = Desk(browser, browser_context_args, gpu_lab)
    yield desk
    desk.close()


@pytest.fixture
def gpus(kept_page: Desk, gpu_engine: HookEngine, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook on the machine with GPUs; somebody else computes on the fourth."""
    gpu_engine.driver.edit("gpu3", proc0=f"{os.getpid()}, 30000")
    with kept_page.used(request, folder_of(request)) as desk:
        yield desk
    shut_down_kernels(desk.lab)
    gpu_engine.driver.reset(MACHINE)


def start(notebook: NotebookPage, image: str, gpus: str, free: str) -> None:
    """Choose image and number of GPUs in the dialog, which says how many are free."""
    notebook.button.get_by_role("button").click()
    expect(notebook.dialog).to_contain_text(free)
    notebook.dialog.get_by_role("radio", name=image).check()
    notebook.dialog.get_by_label("GPUs").select_option(label=gpus)
    notebook.dialog.get_by_role("button", name="Start", exact=True).last.click()


def test_a_notebook_takes_two_gpus_and_gives_them_back(gpus: Desk) -> None:
    """The image asks for all of them, and gets two."""
    notebook = gpus(NODES)
    start(notebook, "PyTorch 25.08", "2 GPUs", "5 of 6 GPUs free")  # the others are MIG instances
    notebook.wait_for_kernel("PyTorch 25.08 · 2 GPUs")
    notebook.run(0)
    notebook.expect_output(0, "2")

    notebook.page.get_by_role("tab", name="GPUs and containers").click()
    section = notebook.panel.get_by_label("GPUs", exact=True)
    expect(section).to_contain_text("3 of 6 GPUs and 11 of 11 MIG instances free")
    theirs = section.get_by_role("listitem").filter(has_text="other program")
    expect(theirs).to_have_count(1)
    expect(theirs).to_contain_text("29.3 of 79.4 GB")
    mine = section.get_by_role("listitem").filter(has_text="train.ipynb")
    expect(mine).to_have_count(2)
    for row in mine.all():
        expect(row).to_have_attribute("title", re.compile("A100-SXM4-80GB"))
        expect(row.get_by_role("meter", name=re.compile("^Memory of GPU"))).to_be_visible()
        expect(row).to_contain_text("of 79.4 GB")
        told = row.get_by_role("button", name="train.ipynb")
        expect(told).to_have_attribute("title", re.compile(r"held since .+ · \d+ % used"))
    expect(notebook.panel.get_by_label("Running")).to_contain_text("2 GPUs · GPU ")

    start(notebook, "debian12 py311", "CPU only", "3 of 6 GPUs free")
    notebook.run(0)
    notebook.expect_output(0, "0")
    notebook.expect_environment("debian12 py311 · CPU")
    expect(section).to_contain_text("5 of 6 GPUs and 11 of 11 MIG instances free")
    expect(mine).to_have_count(0)


def test_the_only_gpu_is_handed_over_but_not_given_twice(
    gpus: Desk, gpu_engine: HookEngine
) -> None:
    gpu_engine.driver.reset("h200")
    first = gpus(NODES, name="first")
    first.choose("PyTorch 25.08")
    first.wait_for_kernel(PYTORCH)
    start(first, "debian12 py311", "1 GPU", "0 of 1 free, and 1 of its own")
    first.run(0)
    first.expect_output(0, "1")
    first.expect_environment("debian12 py311 · 1 GPU")

    second = gpus("x = 1", OLD_OR_NEW, name="second")
    second.run(0)
    second.expect_prompt(0, "[1]:")
    second.choose("PyTorch 25.08")
    expect(second.button).to_have_text("Waiting for a GPU, next in line")
    second.button.get_by_role("button").click()
    expect(second.dialog).to_contain_text("The GPUs are held by ")
    second.dialog.get_by_role("button", name="Cancel Start").click()
    expect(second.button).to_have_text("Select environment")
    second.run(1)
    second.expect_output(1, "old")
    (running,) = (each for each in second.lab.launches() if each["phase"] == "running")
    assert running["path"] == first.path
