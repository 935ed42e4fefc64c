"""The Jupyter server is killed under an open page, and started again: the page goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import docker
import pytest
from playwright.sync_api import Page

from tests.waiting import wait_until

from .conftest import OpenNotebook, containers_of, shut_down_kernels
from .page import OLD_OR_NEW, START_TIMEOUT
from .server import STOP_TIMEOUT, LabServer, lab_server

pytestmark = [pytest.mark.ui, pytest.mark.engine]

DEBIAN12 = "debian12 py311 · CPU"
# What JupyterLab tells as the kernel's status is "unknown" until the next message comes.
CONNECTED = """() => window.jupyterapp?.shell?.currentWidget?.sessionContext
  ?.session?.kernel?.connectionStatus === 'connected'"""
PAUSE = 64_000  # milliseconds; JupyterLab's longest between two attempts to connect is 63 s


class Lives:
    """A server's process, and the ones that come after it on the same port."""

    def __init__(self, lab: LabServer) -> None:
        self.lab = lab
        self.process = lab.process
        # a process's own variables and arguments are what the next one gets, but for the port
        raw = Path(f"/proc/{lab.process.pid}/environ").read_bytes()
        pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
        self.env = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
        port = urlsplit(lab.url).port
        assert isinstance(lab.process.args, list)
        self.command = [
            f"--port={port}" if argument == "--port=0" else str(argument)
            for argument in lab.process.args
        ]

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start the next one."""
        with self.lab.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=self.env)

    def has_kernels(self) -> bool:
        """Tell whether there is a server where the first one was, and has found its kernels."""
        try:
            return bool(self.lab.request("api/kernels"))
        except OSError:
            return False

    def stop(self) -> None:
        """End the last one in order."""
        self.process.terminate()
        self.process.wait(STOP_TIMEOUT)


@pytest.fixture
def lives(assets: Path, engine_host: str, tmp_path: Path) -> Iterator[Lives]:
    """JupyterLab on the real engine, for this test alone."""
    settings = {"backend": "docker", "engine_url": engine_host, "fixed_gpus": []}
    config = {"GpuContainers": {**settings, "network": "none"}}
    with ExitStack() as stack:
        later: list[Callable[[], None]] = []
        stack.callback(lambda: [stop() for stop in later])
        lab = stack.enter_context(lab_server(tmp_path / "lab", config=config))
        lives = Lives(lab)
        later.append(lives.stop)
        yield lives
        shut_down_kernels(lab)


def test_the_page_goes_on(
    lives: Lives,
    opener: Callable[[LabServer], OpenNotebook],
    page: Page,
    client: docker.DockerClient,
) -> None:
    """Nothing is clicked but what JupyterLab itself says of the lost connection."""
    page.clock.install()  # it is put forward, over JupyterLab's pause between attempts
    notebook = opener(lives.lab)("x = 1", OLD_OR_NEW)
    notebook.choose("debian12 py311")
    notebook.wait_for_kernel(DEBIAN12)
    notebook.run(0)
    notebook.expect_prompt(0, "[1]:")
    (container,) = containers_of(client, notebook)
    lost = page.get_by_role("dialog").filter(has_text="Server Connection Error")
    page.add_locator_handler(lost, lambda: lost.get_by_role("button").last.click())

    lives.kill()
    page.wait_for_function(CONNECTED.replace("===", "!=="), timeout=START_TIMEOUT)
    lives.start()
    assert wait_until(lives.has_kernels, STOP_TIMEOUT)
    page.clock.fast_forward(PAUSE)
    page.wait_for_function(CONNECTED, timeout=START_TIMEOUT)
    notebook.run(1)
    notebook.expect_output(1, "old")
    notebook.expect_environment(DEBIAN12)
    assert [found.id for found in containers_of(client, notebook)] == [container.id]
    [launch] = [one for one in lives.lab.launches() if one["phase"] == "running"]
    assert launch["recovered"]
    page.close()
