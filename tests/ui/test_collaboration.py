"""Two people in one notebook (jupyter-collaboration) while its kernel is switched."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import ATTACH_TIMEOUT, containers_of, shut_down_kernels
from .page import OLD_OR_NEW, NotebookPage
from .server import LabServer, lab_server

pytestmark = [pytest.mark.ui, pytest.mark.engine]

WAITS = "waits · CPU"
# beside the environment that tests run in: its packages change every JupyterLab that sees them
PREFIX = Path(sys.prefix) / "collaboration"


@pytest.fixture(scope="module")
def shared_lab(
    assets: Path, engine_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    """JupyterLab in which a notebook can be open twice, on the real engine."""
    packages = next(PREFIX.glob("lib/python3*/site-packages"), None)
    if packages is None:
        pytest.fail("jupyter-collaboration is not installed. `./run test` does.", pytrace=False)
    config = {
        "GpuContainers": {
            "engine_url": engine_host,
            "fixed_gpus": [],
            "network": "none",
            "attach_timeout": ATTACH_TIMEOUT,
        }
    }
    folder = tmp_path_factory.mktemp("shared")
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
    with lab_server(folder / "lab", config=config, env=env) as lab:
        yield lab
        shut_down_kernels(lab)


def test_two_people_and_a_switch(
    shared_lab: LabServer, page: Page, browser: Browser, client: docker.DockerClient
) -> None:
    """Each sees what the other does; there is one new kernel, and cells run on it."""
    here = NotebookPage(page, shared_lab, "shared/train.ipynb")
    here.write(["x = 1", OLD_OR_NEW, "print('third')"])
    here.open()
    here.wait_for_kernel()
    context = browser.new_context(viewport={"width": 1440, "height": 860})
    there = NotebookPage(context.new_page(), shared_lab, here.path)
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
    context.close()
