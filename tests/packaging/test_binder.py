"""The demonstration, made as repo2docker makes it in an empty environment, and used as visitors do.

Only two things are different: uv installs `binder/requirements.txt`, and the front end's packages
come from this checkout, so that npm's registry is not asked for them again.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kept import keep
from tests.packaging.environments import (
    LABEXTENSION,
    Environment,
    checkout,
    interpreters,
    key_of_package,
    run,
)
from tests.servers import Server

WRITTEN = "binder/hello.txt"  # by the notebook, when it runs


@dataclass(frozen=True)
class Place:
    """Where the server runs, in the words of tests.rooms: what `Server` wants to know of a room."""

    base: Path
    workspace: Path
    environment: Environment

    def environ(self) -> dict[str, str]:
        """Return the variables of the server."""
        return self.environment.environ()


@pytest.fixture(scope="module")
def place() -> Place:
    """A checkout in an environment, after postBuild; nobody has been there."""
    minor = int((ROOT / "binder/runtime.txt").read_text().strip().rpartition(".")[2])
    python = interpreters().get(minor, Path(sys.executable))

    def at(base: Path) -> Place:
        environment = Environment(base, python)
        # bash, ln and cp; a Node of this machine comes after the environment's own
        environment.variables["PATH"] = f"{environment.path}:/usr/bin:/bin"
        return Place(base, base / "repository", environment)

    def make(base: Path) -> None:
        made = at(base)
        checkout(made.workspace)
        shutil.rmtree(made.workspace / LABEXTENSION)  # not in git: it is built there
        shutil.copytree(ROOT / "node_modules", made.workspace / "node_modules", symlinks=True)
        made.environment.create()
        made.environment.add("--requirement", str(made.workspace / "binder" / "requirements.txt"))
        run("bash", "binder/postBuild", cwd=made.workspace, env=made.environment.environ())
        made.environment.home.rename(base / "home-after-postBuild")

    found = at(keep("binder", key_of_package(str(python)), make))
    shutil.rmtree(found.environment.home, ignore_errors=True)
    shutil.copytree(found.base / "home-after-postBuild", found.environment.home, symlinks=True)
    (found.workspace / WRITTEN).unlink(missing_ok=True)
    return found


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    """What visitors get."""
    programs = place.environment.prefix / "bin"
    started = Server(place, program="lab", programs=programs)  # type: ignore[arg-type]
    yield started
    started.terminate()


def test_the_front_end_is_built_by_its_own_node_and_nothing_is_left_over(place: Place) -> None:
    prefix = place.environment.prefix
    assert (prefix / "bin" / "node").resolve().is_relative_to(prefix.resolve())
    installed = prefix / "share/jupyter/labextensions/jupyter-gpu-containers"
    assert (installed / "static" / "style.js").is_file()
    assert "jupyter-gpu-containers v" in place.environment("jupyter", "labextension", "list")
    for name in ("node_modules", "labextension/lib", LABEXTENSION):
        assert not (place.workspace / name).exists()


def test_a_page_is_told_that_it_is_a_demonstration(server: Server) -> None:
    status = server.ask("GET", "/gpu-containers/status")
    assert (status["demo"], status["backend"], status["problem"]) == (True, "memory", None)
    page = server.http.get(f"{server.url}/lab")  # Jupyter's page, which has Jupyter's token
    assert "jupyter-gpu-containers" in page.text


def test_the_notebook_runs_in_the_kernel_of_an_image(server: Server, place: Place) -> None:
    image = server.ask("GET", "/gpu-containers/images")["images"][0]
    path = "binder/demo.ipynb"
    launch_id = server.launch(image=image["references"][0], gpus=1, path=path)
    launch = server.reached(launch_id, "running")
    page = server.connect(launch["kernel_id"])
    notebook = json.loads((place.workspace / path).read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    said = "\n".join(page.run(cell) for cell in cells)
    assert "Python 3." in said
    assert "Error" not in said
    losses = re.search(r"loss ([\d.]+) -> ([\d.]+)", said)
    assert losses
    assert float(losses[2]) < float(losses[1])
    assert (place.workspace / WRITTEN).is_file()
    server.cancel(launch_id)
    gpus = server.ask("GET", "/gpu-containers/gpus")["gpus"]
    assert all(not gpu["holders"] for gpu in gpus)
