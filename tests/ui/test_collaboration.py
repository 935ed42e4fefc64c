"""Two people in one notebook (jupyter-collaboration): its kernel is switched, it is remembered."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ATTACH_TIMEOUT, H100, containers_of, shut_down_kernels
from .page import OLD_OR_NEW, NotebookPage
from .server import LabServer, lab_server

pytestmark = pytest.mark.ui

WAITS = "waits · CPU"
KEY = "jupyter_gpu_containers"  # of what a notebook remembers
TORCH = "nvcr.io/nvidia/pytorch:25.08-py3"
RAPIDS = "rapidsai/base:25.08-cuda12.9-py3.12"
# What is written of it from now on, as this page sees it.
_WATCH = """key => {
  window.written = [];
  window.jupyterapp.shell.currentWidget.context.model.metadataChanged.connect((_, change) => {
    if (change.key === key) {
      window.written.push(change.newValue ?? null);
    }
  });
}"""
_REMEMBERS = """([key, image]) =>
  window.jupyterapp.shell.currentWidget.context.model.getMetadata(key)?.image === image"""
_ONE_KERNEL = """async () => {
  const { kernels } = window.jupyterapp.serviceManager;
  await kernels.refreshRunning();
  return kernels.runningCount === 1;
}"""
# beside the environment that tests run in: its packages change every JupyterLab that sees them
PREFIX = Path(sys.prefix) / "collaboration"


@contextmanager
def shared(folder: Path, config: Mapping[str, object]) -> Iterator[LabServer]:
    """JupyterLab in which a notebook can be open twice."""
    packages = next(PREFIX.glob("lib/python3*/site-packages"), None)
    if packages is None:
        pytest.fail("jupyter-collaboration is not installed. `./run test` does.", pytrace=False)
    settings = folder / "settings" / "jupyter_server_config.json"
    settings.parent.mkdir()
    # what was typed is kept in a file that would otherwise lie in the present folder
    settings.write_text(json.dumps({"SQLiteYStore": {"db_path": str(folder / "typed.db")}}))
    env = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")])),
        "JUPYTER_PATH": str(PREFIX / "share" / "jupyter"),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            [str(settings.parent), str(PREFIX / "etc" / "jupyter")]
        ),
    }
    with lab_server(folder / "lab", config={"GpuContainers": config}, env=env) as lab:
        yield lab
        shut_down_kernels(lab)


@pytest.fixture(scope="module")
def shared_lab(
    assets: Path, engine_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    """On the real engine."""
    config = {
        "engine_url": engine_host,
        "fixed_gpus": [],
        "network": "none",
        "attach_timeout": ATTACH_TIMEOUT,
    }
    with shared(tmp_path_factory.mktemp("shared"), config) as lab:
        yield lab


@pytest.fixture
def shared_elsewhere(assets: Path, tmp_path: Path) -> Iterator[LabServer]:
    """Another machine, on the memory backend."""
    config = {"backend": "memory", "fixed_gpus": [{**H100, "count": 2}]}
    with shared(tmp_path, config) as lab:
        yield lab


@pytest.fixture
def other_page(browser: Browser) -> Iterator[Page]:
    """The page of somebody else."""
    context = browser.new_context(viewport={"width": 1440, "height": 860})
    yield context.new_page()
    context.close()


@pytest.mark.engine
def test_two_people_and_a_switch(
    shared_lab: LabServer, page: Page, other_page: Page, client: docker.DockerClient
) -> None:
    """Each sees what the other does; there is one new kernel, and cells run on it."""
    here = NotebookPage(page, shared_lab, "shared/train.ipynb")
    here.write(["x = 1", OLD_OR_NEW, "print('third')"])
    here.open()
    here.wait_for_kernel()
    there = NotebookPage(other_page, shared_lab, here.path)
    there.open()
    there.wait_for_kernel()
    here.run(0)
    there.expect_prompt(0, "[1]:")

    here.choose("waits")
    expect(here.button).to_contain_text("Starting")
    expect(there.button).to_contain_text("Starting")
    there.run(1)
    there.expect_prompt(1, "[*]:")
    here.reload()
    expect(here.button).to_contain_text("Starting")
    (here.folder / "go").touch()
    there.expect_output(1, "new")
    here.expect_output(1, "new")
    for each in (here, there):
        each.expect_environment(WAITS)
    here.run(2)
    there.expect_output(2, "third")
    assert len(containers_of(client, here)) == 1
    assert len(shared_lab.request("api/sessions")) == 1


def test_two_people_and_a_notebook_from_elsewhere(
    shared_elsewhere: LabServer, page: Page, other_page: Page
) -> None:
    """Both are asked, one answers, one kernel starts; what is remembered then is written once."""
    lab = shared_elsewhere
    digests = {
        image: lab.request(f"gpu-containers/images/{image}")["digest"] for image in (TORCH, RAPIDS)
    }
    rest = {"kernel": "python3", "gpus": 1}
    here = NotebookPage(page, lab, "far/train.ipynb")
    here.write(
        ["x = 1", OLD_OR_NEW],
        metadata={
            "kernelspec": {"name": "torch-of-mara-1gpu", "display_name": "PyTorch 25.08 · 1 GPU"},
            "language_info": {"name": "python"},
            KEY: {"image": TORCH, "digest": digests[TORCH], **rest},
        },
    )
    there = NotebookPage(other_page, lab, here.path)
    both = (here, there)
    for each in both:
        each.open()
        expect(each.banner).to_contain_text(f"Last run in {TORCH} (1 GPU) — use it here?")
        each.page.evaluate(_WATCH, KEY)
    assert lab.request("api/kernels") == []

    here.banner.get_by_role("button", name="Use It", exact=True).click()
    for each in both:
        each.wait_for_kernel("PyTorch 25.08 · 1 GPU")
        expect(each.banner).to_have_count(0)
    there.run(0)
    there.expect_prompt(0, "[1]:")
    for each in both:
        assert each.page.evaluate("written") == []  # it is as it was

    there.choose("RAPIDS")
    for each in both:
        each.wait_for_kernel("RAPIDS 25.08 · 1 GPU")
        each.page.wait_for_function(_REMEMBERS, arg=[KEY, RAPIDS])
    here.run(1)
    there.expect_output(1, "new")
    for each in both:
        expected = {"image": RAPIDS, "digest": digests[RAPIDS], **rest}
        assert each.page.evaluate("written") == [expected]
    page.wait_for_function(_ONE_KERNEL)  # the one before ends behind the switch
    assert len({session["kernel"]["id"] for session in lab.request("api/sessions")}) == 1
    assert [launch["phase"] for launch in lab.launches()].count("running") == 1
