"""An interpreter that waits for its kernel: at a pipe, for a file, in whichever order they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpu_containers.model.kernel.launch import CONNECTION_FILE
from jupyter_gpu_containers.model.kernel.spare import HANDOVER_FILE, PIPE_FILE, Handover
from jupyter_gpu_containers.runtime import quick_start
from jupyter_gpu_containers.service.pool import handover

PROGRAM = f"""
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("quick_start", {quick_start.__file__!r})
quick_start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quick_start)
print("up", flush=True)
quick_start.wait_to_be_taken(sys.argv[1:])
import time
mine = [entry for entry in sys.path if entry.endswith("lib-of-mine")]
print(json.dumps([os.getcwd(), os.environ.get("OWN"), time.tzname[0], mine]))
"""


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    os.mkfifo(folder / PIPE_FILE)
    return folder


class Interpreter:
    """A process that has come to where it waits, or is about to."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"lib-of-mine{os.pathsep}/elsewhere"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def told(self) -> list[object]:
        """Wait for its end; return where it went on."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        assert self.process.wait(30) == 0
        told: list[object] = json.loads(output)
        return told


@pytest.fixture
def interpreters() -> Iterator[list[Interpreter]]:
    started: list[Interpreter] = []
    yield started
    for interpreter in started:
        interpreter.process.kill()
        interpreter.process.communicate()


def hand_over(run_dir: Path, folder: Path) -> None:
    content = Handover(str(folder), {"OWN": "1", "TZ": "XYZ-3"}).to_json()
    (run_dir / "draft").write_bytes(content)
    os.rename(run_dir / "draft", run_dir / HANDOVER_FILE)


def ring(run_dir: Path) -> None:
    """As `Spares` does, but that it waits for who listens: the first one to ring."""
    with (run_dir / PIPE_FILE).open("wb") as pipe:
        pipe.write(b"\n")


@pytest.mark.parametrize("form", ["-f {}", "--f={}", "-f {} --more=1"])
def test_it_waits_and_goes_where_it_is_told(
    run_dir: Path, tmp_path: Path, interpreters: list[Interpreter], form: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    interpreter = Interpreter(run_dir, *form.format(run_dir / CONNECTION_FILE).split())
    interpreters.append(interpreter)
    ring(run_dir)  # who rings too early, or for fun, is not heard
    hand_over(run_dir, work)
    handover._ring(str(run_dir / PIPE_FILE))
    assert interpreter.told() == [str(work), "1", "XYZ", [str(work / "lib-of-mine")]]


def test_who_rings_may_come_when_the_file_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader goes between the writer's opening of the pipe and its byte."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(handover, "open_pipe", lambda path, direction: writer)
    assert handover._ring("any")


def test_it_finds_what_came_before_it(
    run_dir: Path, tmp_path: Path, interpreters: list[Interpreter]
) -> None:
    """Also in a restart: nobody rings then."""
    hand_over(run_dir, tmp_path)
    interpreters.append(interpreter := Interpreter(run_dir, "-f", str(run_dir / CONNECTION_FILE)))
    assert interpreter.told()[:2] == [str(tmp_path), "1"]


@pytest.mark.parametrize("what", ["no pipe", "a file", "no connection file"])
def test_without_a_pipe_it_does_not_wait(
    run_dir: Path, interpreters: list[Interpreter], what: str
) -> None:
    if what != "no connection file":
        (run_dir / PIPE_FILE).unlink()
    if what == "a file":
        (run_dir / PIPE_FILE).write_text("")
    name = "other.json" if what == "no connection file" else CONNECTION_FILE
    interpreters.append(interpreter := Interpreter(run_dir, "-f", str(run_dir / name)))
    assert interpreter.told()[:2] == [str(run_dir), None]


@pytest.mark.parametrize("version", ["8.0.0", "7.0.0", "installed"])
def test_only_a_kernel_whose_start_is_known_is_started_before_it_waits(
    run_dir: Path, tmp_path: Path, interpreters: list[Interpreter], version: str
) -> None:
    """One of another version waits before; so does one that only calls itself a known one."""
    (run_dir / CONNECTION_FILE).write_text("{}")
    if version != "installed":
        package = run_dir / "lib-of-mine" / "ipykernel"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "_version.py").write_text(f"__version__ = {version!r}")
        (package / "kernelapp.py").write_text("class IPKernelApp:\n    pass\n")
    interpreters.append(interpreter := Interpreter(run_dir, "-f", str(run_dir / CONNECTION_FILE)))
    if version == "installed":
        assert interpreter.told()[:2] == [str(run_dir), None]
        return
    ring(run_dir)  # returns when it waits
    hand_over(run_dir, tmp_path)
    handover._ring(str(run_dir / PIPE_FILE))
    assert interpreter.told()[:2] == [str(tmp_path), "1"]


def test_the_names_are_those_of_the_model() -> None:
    """The program runs inside, where the package is not."""
    ours = (CONNECTION_FILE, PIPE_FILE, HANDOVER_FILE)
    theirs = (quick_start.CONNECTION_FILE, quick_start.PIPE_FILE, quick_start.HANDOVER_FILE)
    assert ours == theirs
