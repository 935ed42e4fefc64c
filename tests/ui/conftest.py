"""Fixtures of the browser tests: JupyterLab on the memory backend and on the real engine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from playwright.sync_api import Browser, BrowserContext, Page

from jupyter_gpu_containers.model.kernel import labels
from tests.canary_pages import watch
from tests.registry_fixtures import *  # noqa: F403

from .desk import Desk
from .page import OLD_OR_NEW, NotebookPage
from .server import ASSETS, LabServer, lab_server

# ./run says which one it found
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None
)
H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_gib": 80, "compute_capability": "9.0"}
ATTACH_TIMEOUT = 8.0  # seconds; long enough for a page to attach, short enough to wait for

OpenNotebook = Callable[..., NotebookPage]


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Switch pytest-jupyter's loop off: synchronous Playwright has one of its own."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """There is no server in this process to clean up after."""


@pytest.fixture(scope="session")
def base_url() -> None:
    """Every test names its server itself."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The browser that ./run found: mostly Debian's Chromium, which needs no download."""
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A window in which the notebook's toolbar is not folded."""
    return {**browser_context_args, "viewport": {"width": 1440, "height": 860}}


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """What its pages are told has no canary."""
    watch(context)
    return context


@pytest.fixture(scope="session")
def assets() -> Path:
    """The built front end."""
    if not (ASSETS / "package.json").is_file():
        pytest.fail("The front end is not built. `./run test` builds it.", pytrace=False)
    return ASSETS


@pytest.fixture(scope="session")
def demo_lab(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab on the memory backend, with two GPUs."""
    config = {"GpuContainers": {"backend": "memory", "fixed_gpus": [{**H100, "count": 2}]}}
    with lab_server(tmp_path_factory.mktemp("demo") / "lab", config=config) as lab:
        yield lab


@pytest.fixture(scope="session")
def engine_lab(
    assets: Path, engine_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    """JupyterLab on the real engine, without GPUs."""
    config = {
        "GpuContainers": {
            "backend": "docker",
            "engine_url": engine_host,
            "fixed_gpus": [],
            "network": "none",
            "attach_timeout": ATTACH_TIMEOUT,
        }
    }
    with lab_server(tmp_path_factory.mktemp("engine") / "lab", config=config) as lab:
        yield lab


@pytest.fixture
def opener(page: Page, request: pytest.FixtureRequest) -> Callable[[LabServer], OpenNotebook]:
    """Return what opens notebooks on a server, each test in a folder of its own."""

    def on(lab: LabServer) -> OpenNotebook:
        folder = folder_of(request)

        def open_notebook(
            *cells: str,
            name: str = "train",
            kernel: str = "python3",
            metadata: Mapping[str, object] | None = None,
            wait: bool = True,
        ) -> NotebookPage:
            notebook = NotebookPage(page, lab, f"{folder}/{name}.ipynb")
            notebook.write(cells or ("x = 1", OLD_OR_NEW), kernel, metadata)
            notebook.open()
            if wait:
                notebook.wait_for_kernel()
            return notebook

        return open_notebook

    return on


@pytest.fixture
def demo(
    demo_lab: LabServer, opener: Callable[[LabServer], OpenNotebook], page: Page
) -> Iterator[OpenNotebook]:
    """Open a notebook on the memory backend."""
    yield opener(demo_lab)
    page.close()
    shut_down_kernels(demo_lab)


@pytest.fixture
def engine(
    engine_lab: LabServer, opener: Callable[[LabServer], OpenNotebook], page: Page
) -> Iterator[OpenNotebook]:
    """Open a notebook on the real engine."""
    yield opener(engine_lab)
    page.close()
    shut_down_kernels(engine_lab)


@pytest.fixture(scope="session")
def kept_demo_page(
    browser: Browser, browser_context_args: dict[str, Any], demo_lab: LabServer
) -> Iterator[Desk]:
    """A page of the memory backend's JupyterLab, for many tests."""
    desk = Desk(browser, browser_context_args, demo_lab)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def kept_engine_page(
    browser: Browser, browser_context_args: dict[str, Any], engine_lab: LabServer
) -> Iterator[Desk]:
    """A page of the real engine's JupyterLab, for many tests."""
    desk = Desk(browser, browser_context_args, engine_lab)
    yield desk
    desk.close()


@pytest.fixture
def demo_desk(kept_demo_page: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook on the memory backend, on a page that others have used, too."""
    with kept_demo_page.used(request, folder_of(request)) as desk:
        yield desk
    shut_down_kernels(desk.lab)


@pytest.fixture
def engine_desk(kept_engine_page: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Open a notebook on the real engine, on a page that others have used, too."""
    with kept_engine_page.used(request, folder_of(request)) as desk:
        yield desk
    shut_down_kernels(desk.lab)


@pytest.fixture
def client(engine_host: str) -> Iterator[docker.DockerClient]:
    """The engine, to look behind the scenes."""
    client = docker.DockerClient(base_url=engine_host)
    yield client
    client.close()


def folder_of(request: pytest.FixtureRequest) -> str:
    """Where a test's notebooks are, below the server's root directory."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")


def shut_down_kernels(lab: LabServer) -> None:
    """Leave no kernel and no launch to the next test."""
    launches = lab.launches()
    ours = {launch["kernel_id"] for launch in launches}
    for launch in launches:
        lab.request(f"gpu-containers/launches/{launch['id']}", "DELETE")
    for kernel in lab.request("api/kernels"):
        if kernel["id"] not in ours:
            lab.request(f"api/kernels/{kernel['id']}", "DELETE")


def containers_of(client: docker.DockerClient, notebook: NotebookPage) -> list[Container]:
    """Return the containers of a notebook, in any state."""
    wanted = f"{labels.NOTEBOOK}={notebook.path}"
    found: list[Container] = client.containers.list(all=True, filters={"label": wanted})
    return found
