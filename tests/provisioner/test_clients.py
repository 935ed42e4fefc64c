"""Programs that people use: each starts a kernel of ours and knows nothing about containers."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pexpect
import pytest

from tests.conftest import ROOT
from tests.rooms import Room, run_program

pytestmark = pytest.mark.engine

TRAIN = ROOT / "tests" / "samples" / "train.ipynb"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def environment(engine_room: Room) -> str:
    """The name of a kernelspec, as `jupyter kernelspec list` shows it."""
    return engine_room.environment_now(engine_room.image).name


def test_kernelspec_list(engine_room: Room, environment: str) -> None:
    done = run_program(engine_room, [str(PROGRAMS / "jupyter-kernelspec"), "list"])
    assert environment in done.stdout


def test_papermill(engine_room: Room, environment: str) -> None:
    """Parameters go in; a trained model, a plot and a file in the workspace come out."""
    shutil.copy(TRAIN, engine_room.workspace)
    done = run_program(
        engine_room,
        [
            *(sys.executable, "-m", "papermill", "--kernel", environment, "--no-progress-bar"),
            *("-p", "epochs", "400", "-p", "weights_file", "trained.npz"),
            *("train.ipynb", "out.ipynb"),
        ],
    )
    assert done.returncode == 0, done.stdout
    notebook = nbformat.read(engine_room.workspace / "out.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "400 epochs: loss " in printed
    assert any("image/png" in output.get("data", ()) for output in outputs)
    with np.load(engine_room.workspace / "trained.npz") as weights:
        assert weights["accuracy"] > 0.95
        assert weights["w1"].shape == (2, 16)


def test_papermill_tells_why_it_cannot_start(engine_room: Room, environment: str) -> None:
    refuses = asyncio.run(engine_room.command("/bin/sh", "-c", "echo no licence >&2; exit 3"))
    shutil.copy(TRAIN, engine_room.workspace)
    command = [sys.executable, "-m", "papermill", "--kernel", refuses.name, "train.ipynb", "o"]
    done = run_program(engine_room, command)
    assert done.returncode != 0
    assert "ended by itself with exit code 3 before its kernel answered" in done.stdout
    assert "no licence" in done.stdout


def test_jupyter_execute(engine_room: Room, environment: str) -> None:
    """nbclient's command; nbconvert --execute stands on the same."""
    shutil.copy(TRAIN, engine_room.workspace / "n.ipynb")
    command = [str(PROGRAMS / "jupyter-execute"), f"--kernel_name={environment}", "--inplace"]
    done = run_program(engine_room, [*command, "n.ipynb"])
    assert done.returncode == 0, done.stdout
    notebook = nbformat.read(engine_room.workspace / "n.ipynb", as_version=4)
    assert "accuracy 1.000" in str(notebook) or "accuracy 0.9" in str(notebook)
    assert (engine_room.workspace / "weights.npz").exists()


def test_jupyter_execute_of_a_cell_that_fails(engine_room: Room, environment: str) -> None:
    cells = [nbformat.v4.new_code_cell("1 / 0")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, engine_room.workspace / "n.ipynb")
    command = [str(PROGRAMS / "jupyter-execute"), f"--kernel_name={environment}", "n.ipynb"]
    done = run_program(engine_room, command)
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stdout


def test_nbconvert(engine_room: Room, environment: str) -> None:
    shutil.copy(TRAIN, engine_room.workspace)
    options = ["--execute", "--to", "markdown", f"--ExecutePreprocessor.kernel_name={environment}"]
    command = [sys.executable, "-m", "nbconvert", *options, "train.ipynb"]
    done = run_program(engine_room, command)
    assert done.returncode == 0, done.stdout
    assert "accuracy" in (engine_room.workspace / "train.md").read_text("utf-8")


def test_jupyter_run(engine_room: Room, environment: str) -> None:
    """A script runs in the container; what it prints comes, and what fails is told."""
    (engine_room.workspace / "s.py").write_text("import os; print(os.path.exists('/.dockerenv'))")
    (engine_room.workspace / "fails.py").write_text("1 / 0")
    command = [str(PROGRAMS / "jupyter-run"), f"--kernel={environment}"]
    done = run_program(engine_room, [*command, "s.py"])
    assert (done.returncode, done.stdout.strip()) == (0, "True")
    done = run_program(engine_room, [*command, "fails.py"])
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stdout
    assert engine_room.containers() == []


def test_jupyter_console(engine_room: Room, environment: str) -> None:
    """A terminal, a person who types, Ctrl-C in a cell, Ctrl-D in the end."""
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", f"--kernel={environment}", "--simple-prompt"],
        cwd=str(engine_room.workspace),
        env={**engine_room.environ(), "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
    )
    try:
        terminal.expect(r"In \[1\]:")
        terminal.sendline("import os; print('folder', os.getcwd(), 6 * 7)")
        terminal.expect_exact(f"folder {engine_room.workspace} 42\r\n")
        terminal.expect(r"In \[2\]:")
        terminal.sendline("import time; print('be' + 'gun', flush=True); time.sleep(60)")
        terminal.expect_exact("begun\r\n")
        for _ in range(3):  # the console itself may miss one, while it is busy printing
            terminal.sendintr()
            if terminal.expect(["KeyboardInterrupt", pexpect.TIMEOUT], timeout=10) == 0:
                break
        terminal.expect(r"In \[3\]:")
        terminal.sendline("quit()")
        terminal.expect(pexpect.EOF)
        terminal.wait()
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0
    trail = engine_room.data / "gpu_containers" / "audit.jsonl"
    audited = [json.loads(line)["event"] for line in trail.read_text("utf-8").splitlines()]
    assert audited == ["started", "ended"]  # the console itself only asks its kernel to exit


def test_a_script_that_is_interrupted(engine_room: Room, environment: str) -> None:
    """Ctrl-C ends papermill in the middle of a cell; the container goes with it."""
    cells = [nbformat.v4.new_code_cell("print('begun', flush=True); import time; time.sleep(600)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), engine_room.workspace / "n.ipynb")
    command = ["-m", "papermill", "--kernel", environment, "--log-output", "n.ipynb", "o.ipynb"]
    terminal = pexpect.spawn(
        sys.executable,
        command,
        cwd=str(engine_room.workspace),
        env=engine_room.environ(),
        encoding="utf-8",
        timeout=60,
    )
    try:
        terminal.expect("begun")
        asked = time.monotonic()
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.wait()
    finally:
        terminal.close(force=True)
    assert time.monotonic() - asked < 30
    assert engine_room.settled() == []
