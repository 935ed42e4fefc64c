"""The example for continuous integration: its commands, as they stand there."""

from __future__ import annotations

import shlex
from pathlib import Path

import nbformat
import yaml

from .conftest import TORCH, Terminal

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "notebook-in-container.yml"
IMAGE = "quay.io/jupyter/scipy-notebook:latest"


def test_the_commands_of_the_workflow(terminal: Terminal, tmp_path: Path) -> None:
    """One after another, on the memory backend, of an image that it has."""
    steps = yaml.safe_load(EXAMPLE.read_text("utf-8"))["jobs"]["run"]["steps"]
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    commands = [line for line in lines if line.startswith("jupyter gpu-containers ")]
    assert [line.split()[2] for line in commands] == ["pull", "environments", "run"]
    cell = nbformat.v4.new_code_cell("print(6 * 7)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "work" / "analysis.ipynb")
    for line in commands:
        ran = terminal(*shlex.split(line.replace(IMAGE, TORCH))[2:])
        assert ran.status == 0, (line, ran.err)
    result = nbformat.read(tmp_path / "work" / "result.ipynb", as_version=4)
    assert result.cells[0].outputs[0].text == "42\n"
