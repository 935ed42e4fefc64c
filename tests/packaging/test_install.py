"""The wheel in fresh environments without Node: installed, upgraded, removed; on several Pythons.

pip asks no index here, so what the wheel asks for is all that is needed. Of the Pythons that are on
this machine, the one of this run goes through everything, the oldest and the newest through the
essentials; Python 3.12 is the demonstration's (test_binder.py).
"""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from tests.packaging.conftest import Built, MakeEnvironment
from tests.packaging.environments import MINORS, Environment, interpreters

HERE = sorted(interpreters())
OWN = sys.version_info[1]
TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
ADD = ("environments", "add", TORCH, "--name")
# written by the very first version, which kept less about the image
FIRST = Path(__file__).with_name("first-kernel.json")


def ours(at: Environment, *words: str) -> str:
    """Type `jupyter gpu-containers ...`."""
    return at("jupyter", "gpu-containers", *words)


def run_notebook(at: Environment, environment: str) -> str:
    """Run a notebook in an environment; return what its cell printed."""
    cell = nbformat.v4.new_code_cell("print(6 * 7)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), at.home / "n.ipynb")
    ours(at, "run", "n.ipynb", "-o", "out.ipynb", "-e", environment)
    printed: str = nbformat.read(at.home / "out.ipynb", as_version=4).cells[0].outputs[0].text
    return printed


def environments(at: Environment) -> dict[str, dict[str, object]]:
    told = json.loads(ours(at, "environments", "list", "--json"))
    return {one["name"]: one for one in told["environments"]}


def left_over(prefix: Path) -> list[Path]:
    """Every file and folder of an environment whose name is ours."""
    return [path for path in prefix.rglob("*gpu*containers*") if "__pycache__" not in path.parts]


def test_the_python_of_this_run_is_among_those_found() -> None:
    assert set(HERE) <= set(MINORS)
    assert OWN in HERE or OWN not in MINORS


def test_at_work_on_the_oldest_and_the_newest_python(
    built: Built, make_environment: MakeEnvironment
) -> None:
    """At the same time: each takes a core for twenty seconds, most of it to compile modules."""

    def work(minor: int) -> tuple[int, str, bool]:
        at = make_environment(minor)
        at.pip("install", built.wheel)
        servers = at("jupyter", "server", "extension", "list")
        ours(at, *ADD, "torch", "--gpus", "1")
        return minor, run_notebook(at, "torch"), "jupyter_gpu_containers enabled" in servers

    others = sorted({HERE[0], HERE[-1]} - {OWN})
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(work, others)) == [(minor, "42\n", True) for minor in others]


def test_installation_upgrade_and_removal(
    previous: Built, built: Built, make_environment: MakeEnvironment
) -> None:
    at = make_environment(OWN)
    assert shutil.which("node", path=at.path) is None
    at.pip("install", previous.wheel)
    assert ours(at, "--version") == "0.0.1\n"
    ours(at, *ADD, "torch", "--gpus", "1", "--memory", "2g")
    data = at.home / ".local" / "share" / "jupyter"
    (data / "kernels" / "first").mkdir()
    (data / "kernels" / "first" / "kernel.json").write_bytes(FIRST.read_bytes())
    before = environments(at)
    assert set(before) == {"torch", "first"}
    key = (data / "gpu_containers" / "key").read_bytes()

    at.pip("install", "--upgrade", built.wheel)
    at.pip("check")
    version = ours(at, "--version").strip()
    assert built.wheel.name.startswith(f"jupyter_gpu_containers-{version}-")
    servers = at("jupyter", "server", "extension", "list")
    assert "jupyter_gpu_containers enabled" in servers
    assert f"jupyter_gpu_containers {version} OK" in servers
    labs = at("jupyter", "labextension", "list")
    assert f"jupyter-gpu-containers v{version} enabled OK" in labs
    assert environments(at) == before
    assert (data / "gpu_containers" / "key").read_bytes() == key  # signs what runs on the engine
    assert run_notebook(at, "first") == "42\n"

    at.pip("uninstall", "--yes", "jupyter_gpu_containers")
    assert left_over(at.prefix) == []
    assert "gpu" not in at("jupyter", "server", "extension", "list")
    assert "gpu" not in at("jupyter", "labextension", "list")
    # what is the user's own stays, is offered by nobody, and goes as docs/administration.md says
    offered = at("jupyter", "kernelspec", "list", "--json")
    assert set(json.loads(offered[offered.index("{\n") :])["kernelspecs"]) == {"python3"}
    assert {path.name for path in (data / "kernels").iterdir()} == set(before)
    at("jupyter", "kernelspec", "remove", "-f", *before)
    assert list((data / "kernels").iterdir()) == []
