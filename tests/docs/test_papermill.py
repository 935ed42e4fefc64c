"""The guide to papermill: what it tells to type is typed, what it tells of failures is seen.

On an engine that gives out two fake GPUs, and in a folder that has the example of the guide.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest

from tests.canaries import SUITE
from tests.conftest import ROOT
from tests.docs.test_snippets import BLOCK, SETTING
from tests.docs.test_words import FENCE, SHELL
from tests.doubles.engine import HookEngine
from tests.doubles.nvml import fake_driver
from tests.rooms import ENGINE_IMAGE, MEMORY_IMAGE, Room, enter, run_program
from tests.waiting import wait_until

pytestmark = [pytest.mark.engine, pytest.mark.root, pytest.mark.timeout(300)]

PAGE = (ROOT / "docs" / "guides" / "papermill.md").read_text("utf-8")
SAYS = re.compile(r"`([^`]+)`")
LIMIT = 3  # seconds of papermill's own limit; the cell goes on for longer
HOLD = """
import os, time
print("begun", flush=True)
while not os.path.exists("go"):
    time.sleep(0.05)
time.sleep(3.5)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, engine_host: str) -> Iterator[HookEngine]:
    """An engine with two GPUs that has the image of the guide."""
    engine = HookEngine(fake_driver(tmp_path_factory.mktemp("driver"), "2xt4-r470"))
    try:
        engine.begin_with(ENGINE_IMAGE, source=engine_host)
        engine.start()
        client = engine.client()
        client.images.get(ENGINE_IMAGE).tag(MEMORY_IMAGE)
        client.close()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def room(machine: HookEngine, image_facts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A user's Jupyter on that machine."""
    monkeypatch.setenv("DOCKER_HOST", machine.host)
    room = Room("docker", image_facts)
    enter(room, monkeypatch)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    shutil.copy(ROOT / "docs" / "examples" / "train.ipynb", room.workspace)
    try:
        yield room
    finally:
        room.close()


def shell(
    room: Room, machine: HookEngine, script: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Type it into a shell."""
    words = ["bash", "-e", "-o", "pipefail", "-c", script]
    return run_program(room, words, timeout=120, env={**machine.driver.env, **env})


def typed(room: Room, machine: HookEngine, script: str) -> str:
    """Type what has to work; return what it printed."""
    done = shell(room, machine, script)
    assert done.returncode == 0, f"{script}{done.stdout}"
    return done.stdout


def blocks(title: str) -> list[str]:
    """The blocks of commands in a section of the page."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return SHELL.findall(FENCE.sub("", section))


def told(what: str) -> tuple[int, list[str]]:
    """The exit code and the words that the page's table has for a failure."""
    (row,) = re.findall(rf"^\| {what} \| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    return int(row[0]), [words.rstrip("…") for words in SAYS.findall(row[1])]


def seeds(room: Room, *names: str) -> list[int]:
    """The parameter `seed` of notebooks whose last cell has run."""
    found = []
    for name in names:
        notebook = nbformat.read(room.workspace / f"{name}.ipynb", as_version=4)
        assert "are told right" in notebook.cells[-1].outputs[0].text
        found.append(notebook.metadata.papermill.parameters.get("seed", 0))
    return found


def notebook(room: Room, cell: str, name: str = "n.ipynb") -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(made, room.workspace / name)


@contextmanager
def begun(
    room: Room, machine: HookEngine, *words: str, output: str = "o.ipynb"
) -> Iterator[subprocess.Popen[str]]:
    """Start papermill on n.ipynb; it is killed in the end if it still lives."""
    command = ["papermill", "--log-output", "--no-progress-bar", *words, "n.ipynb", output]
    env = {**room.environ(), **machine.driver.env}
    with subprocess.Popen(
        command, cwd=room.workspace, env=env, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def read_until(program: subprocess.Popen[str], text: str) -> None:
    assert program.stderr
    seen = ""
    for line in program.stderr:
        SUITE.look("outputs of programs", line, "papermill")
        seen += line
        if text in line:
            return
    pytest.fail(f"papermill never said {text!r}:\n{seen}", pytrace=False)


@pytest.fixture
def torch(room: Room, machine: HookEngine) -> None:
    """The environment of the page, made as it says."""
    typed(room, machine, blocks("One run")[0].splitlines()[0])


@pytest.mark.usefixtures("torch")
def test_one_run(room: Room, machine: HookEngine) -> None:
    """Typed, and of Python, at the same time."""
    (python,) = (code for code in BLOCK.findall(PAGE) if not SETTING.search(code))
    (room.workspace / "run.py").write_text(python.replace("result.ipynb", "python.ipynb"))
    _, command = blocks("One run")[0].splitlines()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda script: typed(room, machine, script), (command, "python run.py")))
    assert seeds(room, "result", "python") == [0, 0]


@pytest.mark.usefixtures("torch")
def test_gpus_and_memory_of_one_run(room: Room, machine: HookEngine) -> None:
    variables, options = blocks("GPUs and memory of one run")
    typed(room, machine, variables)
    used = json.loads(typed(room, machine, "jupyter gpu-containers report --by kernel --json"))
    assert [len(row["gpus"]) for row in used["rows"]] == [2]
    typed(room, machine, "rm result.ipynb\n" + options)
    assert seeds(room, "result") == [0]


@pytest.mark.usefixtures("torch")
def test_several_runs_one_by_one(room: Room, machine: HookEngine) -> None:
    one_by_one, at_once = blocks("Several runs")
    typed(room, machine, one_by_one)
    assert seeds(room, "result-1", "result-2") == [1, 2]
    failed = shell(room, machine, at_once.replace("1 2 3", "1").replace("train", "nowhere"))
    assert f"xargs ends with {failed.returncode} if a run failed" in PAGE.replace("\n", " ")


@pytest.mark.usefixtures("torch")
def test_several_runs_at_once(room: Room, machine: HookEngine) -> None:
    """Three on two GPUs."""
    (setting,) = (code for code in BLOCK.findall(PAGE) if SETTING.search(code))
    name, value = re.findall(r"GpuContainers\.(\w+) = (.*)", setting)[0]
    room.configure(**{name: float(value)})
    typed(room, machine, blocks("Several runs")[1])
    assert seeds(room, "result-1", "result-2", "result-3") == [1, 2, 3]


def test_failures_look_as_the_page_says(room: Room, machine: HookEngine) -> None:
    room.environment_now(MEMORY_IMAGE, name="torch", gpus=1)
    cells = {
        "a cell failed": ("1 / 0", {}),
        "the kernel could not start": ("1", {"JUPYTER_GPU_CONTAINERS_GPUS": "3"}),
        "the kernel died": ("bytearray(700 * 2**20)", {"JUPYTER_GPU_CONTAINERS_MEMORY": "512m"}),
    }

    def run(what: str) -> subprocess.CompletedProcess[str]:
        cell, env = cells[what]
        notebook(room, cell, f"{what}.ipynb")
        script = f"papermill -k torch '{what}.ipynb' 'of {what}.ipynb'"
        return shell(room, machine, script, **env)

    with ThreadPoolExecutor() as pool:
        all_done = dict(zip(cells, pool.map(run, cells), strict=True))
    for what, done in all_done.items():
        status, words = told(what)
        assert done.returncode == status, done.stdout
        assert [each for each in words if each not in done.stdout] == [], done.stdout
        assert (room.workspace / f"of {what}.ipynb").exists()
    why = told("the kernel could not start")[1][0]
    assert why in all_done["the kernel could not start"].stdout.splitlines()[-1]
    first = nbformat.read(room.workspace / "of a cell failed.ipynb", as_version=4).cells[0]
    assert 'href="#papermill-error-cell"' in first.source


def test_a_run_that_waits(room: Room, machine: HookEngine) -> None:
    """It is not ended by papermill's own limit; one that may not wait says that none was free."""
    room.environment_now(MEMORY_IMAGE, name="torch", gpus=2)
    notebook(room, HOLD)
    again = "papermill --language python -k torch -p x 1 n.ipynb o2.ipynb"
    with begun(room, machine, "-k", "torch") as holder:
        read_until(holder, "begun")
        room.configure(wait_for_gpus=3600.0)
        limit = ("--start-timeout", str(LIMIT))
        with begun(room, machine, "-k", "torch", *limit, output="o3.ipynb") as patient:
            read_until(patient, "phase=waiting")
            room.configure(wait_for_gpus=0.0)
            status, (words,) = told("no GPU was free")
            busy = shell(room, machine, again, JUPYTER_GPU_CONTAINERS_GPUS="1")
            assert busy.returncode == status
            assert words in busy.stdout.splitlines()[-1]
            (room.workspace / "go").touch()
            read_until(patient, "Executing notebook")
            assert holder.wait(60) == 0
            assert patient.wait(60) == 0


def test_runs_that_are_ended(room: Room, machine: HookEngine) -> None:
    """Ctrl-C and SIGTERM tidy up, SIGKILL cannot."""
    room.environment_now(MEMORY_IMAGE, name="torch", gpus=0)
    notebook(room, HOLD)
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    with ExitStack() as stack:
        programs = [
            stack.enter_context(begun(room, machine, "-k", "torch", output=f"o{end}.ipynb"))
            for end in ends
        ]
        for end, program in zip(ends, programs, strict=True):
            read_until(program, "begun")
            program.send_signal(end)
        interrupted, terminated, killed = programs
        status, words = told("Ctrl-C")
        said = interrupted.communicate(timeout=60)[1]
        assert any(each in said for each in words)
        assert interrupted.returncode == status
        assert terminated.wait(60) == -signal.SIGTERM
        assert killed.wait(60) == -signal.SIGKILL
    assert wait_until(lambda: len(room.containers()) == 1, 10)
    (stop,) = blocks("What failures look like")
    typed(room, machine, stop)
    assert room.containers() == []
