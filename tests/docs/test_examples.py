"""The notebooks of docs/examples, in containers, by the product itself."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import docker
import nbformat
import pip
import pytest

from jupyter_gpu_containers.cli.parser import parse
from tests.conftest import ROOT
from tests.docs.test_snippets import commands
from tests.rooms import Room, run_program
from tests.servers import Server
from tests.wheels import make_wheel

EXAMPLES = ROOT / "docs" / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
PROGRAM = str(Path(sys.executable).with_name("jupyter-gpu-containers"))


def run_example(room: Room, name: str, environment: str) -> list[str]:
    """Type `jupyter gpu-containers run`; return what each cell of code printed."""
    shutil.copy(EXAMPLES / name, room.workspace)
    words = ["run", name, "-o", "result.ipynb", "-e", environment, "--memory", "2g"]
    done = run_program(room, [PROGRAM, *words], timeout=200)
    assert done.returncode == 0, done.stdout
    cells = nbformat.read(room.workspace / "result.ipynb", as_version=4).cells
    return [
        "".join(output.get("text", "") for output in cell.outputs).strip()
        for cell in cells
        if cell.cell_type == "code"
    ]


def code_of(name: str) -> list[str]:
    cells = nbformat.read(EXAMPLES / name, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_valid_has_no_outputs_and_is_named_in_the_guide(name: str) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert f"(../examples/{name})" in (ROOT / "docs/guides/examples.md").read_text("utf-8")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_commands_in_a_notebook_are_understood(name: str, tmp_path: Path) -> None:
    cells = nbformat.read(EXAMPLES / name, as_version=4).cells
    page = tmp_path / "cells.md"
    page.write_text("\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    for words in commands(page):
        parse(words)
    assert list(commands(page)) or name == "frameworks.ipynb"


@pytest.mark.engine
def test_training(engine_room: Room, images: SimpleNamespace) -> None:
    """The image has NumPy and no PyTorch, the machine need not have a GPU."""
    environment = engine_room.environment_now(images.debian12)
    _, counts, where, result = run_example(engine_room, "train.ipynb", environment.name)
    assert counts == "3200 pictures to learn from, 800 to be tested with"
    assert re.fullmatch(r"NumPy \S+ on the CPU", where)
    assert int(result.partition("%")[0]) > 60


@pytest.mark.engine
def test_one_notebook_in_two_images(engine_room: Room, images: SimpleNamespace) -> None:
    told = []
    for image in (images.debian12, images.debian13):
        environment = engine_room.environment_now(image)
        told.append(run_example(engine_room, "frameworks.ipynb", environment.name))
    first, second = told
    assert (first[0][:17], second[0][:17]) == ("numpy, Python 3.1", "numpy, Python 3.1")
    assert first[0] != second[0]
    assert first[1] == second[1] == "y = 3.026 x + -1.998"
    assert (first[2], second[2]) == ("1 so far: they agree", "2 so far: they agree")


@pytest.mark.engine
def test_data_parallel_training(engine_room: Room, images: SimpleNamespace) -> None:
    environment = engine_room.environment_now(images.debian12)
    plan, written, result = run_example(engine_room, "data-parallel.ipynb", environment.name)
    assert plan == "0 GPUs, so 2 processes"
    assert written == "Writing data_parallel.py"
    assert result == "2 processes on the CPU (NumPy): loss 0.000000"


@pytest.fixture
def image_name(engine_host: str) -> Iterator[str]:
    """The name of an image; none of that name is left on the engine."""
    reference = f"jgc-test/made-{os.urandom(4).hex()}:1"
    yield reference
    client = docker.APIClient(base_url=engine_host)
    if client.images(name=reference):
        client.remove_image(reference, force=True)
    client.close()


@pytest.mark.engine
def test_what_was_installed_is_kept_in_an_image(
    engine_room: Room, images: SimpleNamespace, image_name: str
) -> None:
    """By a server, as the panel does. pip, which Debian's Python lacks, finds a wheel of ours."""
    work = engine_room.workspace
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pip.__file__).parent, work / "tools" / "pip", ignore=skip)
    code = "def naturalsize(number):\n    return f'{number / 1e9:.1f} GB'\n"
    make_wheel(work, "humanize", "4.0", code)
    engine_room.configure(
        environment_variables={
            "PYTHONPATH": str(work / "tools"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(work),
        }
    )
    shutil.copy(EXAMPLES / "commit-and-share.ipynb", work)
    install, use = code_of("commit-and-share.ipynb")
    server = Server(engine_room)
    try:
        path = "commit-and-share.ipynb"
        first = server.reached(server.launch(image=images.debian12, path=path), "running")
        page = server.connect(first["kernel_id"])
        assert "rror" not in page.run(install)
        said = page.run(use)
        assert said.startswith("3.0 GB says humanize")
        body = {"kind": "commit", "reference": image_name, "launch": first["id"]}
        job = server.ask("POST", "/gpu-containers/jobs", body)["id"]

        def ended() -> str | None:
            state = server.ask("GET", f"/gpu-containers/jobs/{job}")["state"]
            return state if state in ("succeeded", "failed", "cancelled") else None

        assert server.until(ended) == "succeeded"
        server.cancel(first["id"])
        second = server.reached(server.launch(image=image_name, path=path), "running")
        assert server.connect(second["kernel_id"]).run(use) == said
        server.cancel(second["id"])
    finally:
        server.terminate()
