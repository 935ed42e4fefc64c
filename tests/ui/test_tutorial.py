"""The tutorial, done as it says: each step in its order, each word that it has for the interface.

On an engine that gives out one fake GPU, from the page's first command to its last.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pip
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import IMAGES, ROOT
from tests.docs.test_words import FENCE, SHELL
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import fake_driver
from tests.rooms import MEMORY_IMAGE
from tests.wheels import make_wheel

from .conftest import shut_down_kernels
from .page import OLD_OR_NEW, START_TIMEOUT, NotebookPage
from .server import LabServer, lab_server

pytestmark = [pytest.mark.ui, pytest.mark.engine, pytest.mark.root]

TITLE = "PyTorch 25.08 · 1 GPU"
EXAMPLE = ROOT / "docs" / "examples" / "train.ipynb"
OWNER = "import os; open('mine', 'w').close(); print(os.stat('mine').st_uid)"
USE = "import einops; print(einops.word)"


class Tutorial:
    """The page: its blocks, and its words for the interface, in bold or in quotation marks."""

    def __init__(self) -> None:
        self.text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
        prose = re.sub(r"\s+", " ", FENCE.sub("", self.text))
        self.words = {*re.findall(r"\*\*(.+?)\*\*", prose), *re.findall("“(.+?)”", prose)}
        self.unseen = set(self.words)

    def says(self, words: str) -> str:
        """Return words that the page must have."""
        assert words in self.words, f"the tutorial does not say {words!r}"
        self.unseen.discard(words)
        return words

    def block(self, title: str) -> str:
        """The block of commands or code in a section."""
        section = self.text.split(f" {title}\n")[1].split("\n## ")[0]
        fenced = FENCE.search(section)
        return fenced.group(3).strip() if fenced else "".join(SHELL.findall(section))


@pytest.fixture
def machine(tmp_path: Path, engine_host: str) -> Iterator[HookEngine]:
    """A machine with one GPU and the image of the tutorial."""
    engine = HookEngine(fake_driver(tmp_path, "h200"))
    try:
        engine.begin_with(IMAGES.cuda, source=engine_host)
        engine.start()
        client = engine.client()
        client.images.get(IMAGES.cuda).tag(MEMORY_IMAGE)
        client.images.remove(IMAGES.cuda)
        client.close()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def lab(assets: Path, machine: HookEngine, tmp_path: Path) -> Iterator[LabServer]:
    """The reader's JupyterLab; pip, which the image's Python lacks, finds a wheel of ours."""
    root = tmp_path / "lab" / "root"
    variables = {
        "PYTHONPATH": str(root / "tools"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(root),
    }
    config = {
        "engine_url": machine.host,
        "network": "none",
        "environment_variables": variables,
    }
    with lab_server(
        tmp_path / "lab", config={"GpuContainers": config}, env=machine.driver.env
    ) as lab:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(pip.__file__).parent, root / "tools" / "pip", ignore=skip)
        make_wheel(root, "einops", "0.8", "word = 'rearrange'\n")
        yield lab
        shut_down_kernels(lab)


def typed(lab: LabServer, machine: HookEngine, script: str, status: int = 0) -> str:
    """Type a block of the page into a terminal beside JupyterLab; return what it printed."""
    home = lab.root.parent
    environment = {
        **os.environ,
        **machine.driver.env,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=lab.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, f"{script}{done.stdout}"
    return done.stdout


def write_notebook(lab: LabServer, *cells: str) -> None:
    """Put the example into the folder, with the tutorial's cells at its top."""
    notebook = nbformat.read(EXAMPLE, as_version=4)
    notebook.cells[:0] = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, lab.root / "train.ipynb")


@pytest.mark.timeout(300)
def test_the_tutorial(lab: LabServer, machine: HookEngine, page: Page) -> None:
    tutorial = Tutorial()
    code = tutorial.block("Run a cell")
    install = tutorial.block("Install something, and keep it")
    write_notebook(lab, "x = 1", OLD_OR_NEW, code, OWNER, install, USE)
    notebook = NotebookPage(page, lab, "train.ipynb")

    check_the_machine(tutorial, lab, machine)
    open_jupyterlab(tutorial, notebook)
    pick_an_environment(tutorial, notebook)
    run_a_cell(tutorial, notebook)
    wait_for_a_gpu(tutorial, notebook)
    install_and_keep(tutorial, notebook, machine)
    give_the_gpu_back(notebook)
    without_a_browser(tutorial, lab, machine)
    assert tutorial.unseen == set()


def check_the_machine(tutorial: Tutorial, lab: LabServer, machine: HookEngine) -> None:
    """NVIDIA's toolkit is a stand-in here: that is the problem, and there is a fix."""
    said = typed(lab, machine, tutorial.block("Check the machine"), status=1)
    for looked_at in ("engine", "permission", "driver", "disk"):
        assert re.search(f"^OK +{looked_at} ", said, re.MULTILINE)
    problems, fixes = said.count("PROBLEM"), said.count("fix: ")
    assert problems == fixes == 1


def open_jupyterlab(tutorial: Tutorial, notebook: NotebookPage) -> None:
    assert tutorial.block("Open JupyterLab").strip() == "jupyter lab"  # it runs already
    notebook.open()
    notebook.wait_for_kernel()
    name = tutorial.says("GPUs and containers")
    notebook.page.get_by_role("tab", name=name).click()
    panel = notebook.page.get_by_role("region", name=name)
    for section in ("GPUs", "Running", "Images"):
        expect(panel.get_by_label(tutorial.says(section), exact=True)).to_be_visible()


def pick_an_environment(tutorial: Tutorial, notebook: NotebookPage) -> None:
    """The old kernel has a variable, and the cell with the page's code is run during the start."""
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    expect(notebook.button).to_have_text(tutorial.says("Select environment"))
    notebook.button.get_by_role("button").click()
    dialog = notebook.dialog
    dialog.get_by_role("radio", name="PyTorch 25.08").check(timeout=START_TIMEOUT)
    kernel = re.compile(f"^{tutorial.says('Kernel')}")
    expect(dialog.get_by_role("combobox", name=kernel)).to_be_visible()
    gpus = dialog.get_by_role("combobox", name=re.compile(f"^{tutorial.says('GPUs')}"))
    expect(gpus.locator("option")).to_have_text([tutorial.says("CPU only"), "1 GPU"])
    gpus.select_option(label="1 GPU")
    fit = re.compile(f"{tutorial.says('Runs here')}|{tutorial.says('Should run here')}")
    expect(dialog).to_contain_text(fit)
    dialog.get_by_role("button", name=tutorial.says("Start"), exact=True).last.click()
    notebook.run(2)
    notebook.wait_for_kernel(TITLE)
    expect(notebook.button).to_have_text(TITLE)


def run_a_cell(tutorial: Tutorial, notebook: NotebookPage) -> None:
    lines = notebook.cell(2).locator(".jp-OutputArea-output")
    expect(lines).to_contain_text(str(notebook.folder), timeout=START_TIMEOUT)
    assert (lines.text_content() or "").strip().endswith(f"\n{notebook.folder}")
    assert sys.version.splitlines()[0] not in (lines.text_content() or "")
    notebook.run(1)
    notebook.expect_output(1, "new")
    expect(notebook.cell(0)).to_contain_text("x = 1")
    notebook.run(3)
    notebook.expect_output(3, str(os.getuid()))
    assert (notebook.folder / "mine").stat().st_uid == os.getuid()


def wait_for_a_gpu(tutorial: Tutorial, notebook: NotebookPage) -> None:
    """Another notebook of the reader's; it sees the steps, and leaves the queue."""
    other = NotebookPage(notebook.page.context.new_page(), notebook.lab, "other.ipynb")
    other.write(["x = 1"])
    other.open()
    other.wait_for_kernel()
    other.choose("PyTorch 25.08")
    waits = tutorial.says("Waiting for a GPU, next in line")
    expect(other.button).to_have_text(waits, timeout=START_TIMEOUT)
    other.button.get_by_role("button").click()
    expect(other.dialog).to_contain_text("The GPUs are held by train.ipynb")
    expect(other.dialog).to_contain_text("Start the container")  # a step
    other.dialog.get_by_role("button", name=tutorial.says("Cancel Start")).click()
    expect(other.button).to_have_text(tutorial.says("Select environment"))
    other.page.close()


def install_and_keep(tutorial: Tutorial, notebook: NotebookPage, machine: HookEngine) -> None:
    notebook.run(4)
    expect(notebook.cell(4)).to_contain_text("Successfully installed einops-0.8")
    notebook.run(5)
    notebook.expect_output(5, "rearrange")
    execute = "([id]) => { void window.jupyterapp.commands.execute(id); }"
    notebook.page.evaluate(execute, ["kernelmenu:restart"])
    notebook.dialog.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(notebook.dialog).to_have_count(0)
    notebook.wait_for_kernel(TITLE)
    notebook.run(5)
    notebook.expect_prompt(5, "[1]:")  # the restarted one's first
    notebook.expect_output(5, "rearrange")

    notebook.act_on_kernel("train.ipynb", tutorial.says("Save Container as New Image…"))
    expect(notebook.dialog).to_contain_text("einops0.8, by pip", timeout=START_TIMEOUT)
    notebook.dialog.get_by_label("Name").fill("mine/einops:1")
    notebook.dialog.get_by_role("button", name=tutorial.says("Save"), exact=True).click()
    expect(notebook.image("mine/einops:1")).to_be_visible(timeout=START_TIMEOUT)


def give_the_gpu_back(notebook: NotebookPage) -> None:
    section = notebook.panel.get_by_label("GPUs", exact=True)
    expect(section).to_contain_text("train.ipynb")
    cross = notebook.panel.get_by_role("button", name="Shut down the kernel of train.ipynb")
    cross.click()
    expect(section).not_to_contain_text("train.ipynb")


def without_a_browser(tutorial: Tutorial, lab: LabServer, machine: HookEngine) -> None:
    said = typed(lab, machine, tutorial.block("The same without a browser"))
    assert "Ran train.ipynb" in said
    assert re.search("^0 +NVIDIA H200 .* free", said, re.MULTILINE)
    ran = nbformat.read(lab.root / "result.ipynb", as_version=4)
    assert "are told right" in ran.cells[-1].outputs[0].text
    said = typed(lab, machine, tutorial.block("Clean up"))
    assert said.splitlines()[-1] == "Removed torch."
