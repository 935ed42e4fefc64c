"""What every test may use: the engine, the names of the test images.

`./run test` provides an engine, Chromium and the images of tests/images. A test that needs one of
them fails where it is absent; it is never skipped. Only tests of real GPU hardware are left out
where there is none, and those marked `root` for other users: `./run test` runs them with sudo.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from tests.canary_listener import SUITE_LISTENER

pytest_plugins = [
    "pytest_jupyter.jupyter_server",
    "tests.canary_plugin",
    "tests.report_plugin",
    "tests.order_plugin",
]

# the same examples in every run, on slow machines too, and no files left behind
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

ROOT = Path(__file__).resolve().parent.parent

IMAGES = SimpleNamespace(
    debian12="jgc-test/debian12:py311",  # Python 3.11, ipykernel, NumPy, Matplotlib
    debian13="jgc-test/debian13:py313",  # Python 3.13, ipykernel, NumPy
    r="jgc-test/debian12:r42",  # R and its kernel, no Python
    two_kernels="jgc-test/two-kernels:latest",  # kernelspecs python3 and plain
    cuda="jgc-test/cuda:latest",  # NVIDIA_* variables of a CUDA 12.4 image, PyTorch 25.08
    no_kernel="jgc-test/no-kernel:latest",  # Python and IPython without ipykernel
    plain="jgc-test/plain:latest",  # Python 3.11, NumPy, nothing of Jupyter
    plain313="jgc-test/plain313:latest",  # Python 3.13, NumPy, nothing of Jupyter
    debian11="jgc-test/debian11:py39",  # Python 3.9, NumPy, nothing of Jupyter
    no_python="jgc-test/no-python:latest",  # no Python at all
    exits_at_once="jgc-test/exits-at-once:latest",  # entry point refuses with exit code 3
    never_answers="jgc-test/never-answers:latest",  # entry point never hands over to the kernel
    waits="jgc-test/waits:latest",  # kernel waits for a file "go" in the notebook's folder
    refuses="jgc-test/refuses:latest",  # kernel says "licence not accepted" and exits with code 3
    arm64="jgc-test/arm64:latest",  # another CPU architecture
)


# A job in the background of a shell ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine_host() -> str:
    """DOCKER_HOST of the engine that answers, e.g. `unix:///var/run/docker.sock`."""
    command = [sys.executable, str(ROOT / "scripts" / "engine.py"), "find"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.fail(f"{found.stderr.strip()}. `./run test` starts an engine.", pytrace=False)
    host = found.stdout.strip()
    SUITE_LISTENER.listen(host, stays=True)
    return host


@pytest.fixture(scope="session")
def images(engine_host: str) -> SimpleNamespace:
    """The names in IMAGES, after making sure that the engine has them all."""
    import docker

    client = docker.DockerClient(base_url=engine_host)
    try:
        present = {tag for row in client.api.images() for tag in row["RepoTags"] or ()}
    finally:
        client.close()
    absent = [name for name in vars(IMAGES).values() if name not in present]
    if absent:
        pytest.fail(f"missing: {', '.join(absent)}. `./run test` makes them.", pytrace=False)
    return IMAGES


@pytest.fixture(autouse=True, scope="session")
def _hangup() -> None:
    """Programs that tests start mind a closed terminal, also where `nohup` began the tests.

    They inherit that a signal is ignored; one that is handled, as here, is theirs to die of.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


@pytest.fixture(autouse=True)
def _engine_and_images(request: pytest.FixtureRequest) -> None:
    """A test marked `engine` may take engine and images for granted."""
    if request.node.get_closest_marker("engine"):
        request.getfixturevalue("images")
