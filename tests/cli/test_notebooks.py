"""``run``: notebooks in containers, how they end, and what one run may want for itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_gpu_containers.cli import main
from jupyter_gpu_containers.model.kernel.per_run import GPUS, MEMORY
from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.cli.conftest import TORCH, Terminal
from tests.cli.test_engine import PROGRAM
from tests.rooms import Room, run_program
from tests.waiting import wait_until

TWO = [{"name": "NVIDIA H200", "memory_gib": 141, "count": 2}]
LIMIT = """
from pathlib import Path
files = [Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
print(*(int(file.read_text()) for file in files if file.exists()))
"""
PATIENCE = 60.0  # seconds
Capture = pytest.CaptureFixture[str]


def notebook(room: Room, *cells: str, name: str = "n.ipynb", **metadata: Any) -> Path:
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=metadata
    )
    nbformat.write(made, room.workspace / name)
    return room.workspace / name


def spec(name: str) -> dict[str, str]:
    return {"name": name, "display_name": name}


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", ()))


def wait_for_mark(program: subprocess.Popen[bytes], mark: Path) -> None:
    """Wait until a cell has made a file."""
    assert wait_until(lambda: program.poll() is not None or mark.exists(), PATIENCE)
    assert program.poll() is None


def test_gpus_and_memory_of_one_run(any_room: Room, capsys: Capture) -> None:
    """The environment, which the notebook names, has none; the kernelspec stays as it is."""
    any_room.configure(fixed_gpus=TWO if any_room.backend == "memory" else [])
    environment = any_room.environment_now(any_room.image)
    kernelspec = any_room.data / "kernels" / environment.name / "kernel.json"
    before = kernelspec.read_bytes()
    count = "2" if any_room.backend == "memory" else "0"
    cell = "print(42)" if any_room.backend == "memory" else LIMIT
    notebook(any_room, cell, kernelspec=spec(environment.name))
    command = ["run", "n.ipynb", "-o", "out.ipynb", "--gpus", count, "--memory", "512m"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == str(any_room.workspace / "out.ipynb")
    assert printed(any_room.workspace / "out.ipynb") == (
        "42\n" if cell != LIMIT else f"{512 << 20}\n"
    )
    assert kernelspec.read_bytes() == before
    assert any_room.settled() == []
    assert main(["report", "--by", "notebook", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    told = [(len(row["gpus"]), row["held_s"] > 0, row["running"]) for row in rows]
    assert told == ([(2, True, False)] if any_room.backend == "memory" else [])


def test_a_particular_gpu_of_one_run(memory_room: Room, capsys: Capture) -> None:
    memory_room.configure(fixed_gpus=TWO)
    environment = memory_room.environment_now(memory_room.image, gpus=2)
    notebook(memory_room, "print(42)", kernelspec=spec(environment.name))
    assert main(["run", "n.ipynb", "-o", "out.ipynb", "--gpus", "device=1"]) == 0
    assert "(GPU 1)." in capsys.readouterr().err  # what runs, in a line
    assert main(["report", "--by", "notebook", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert [gpu["index"] for gpu in row["gpus"]] == [1]


@pytest.mark.parametrize("text", ["-1", "all", "0,2", "device="])
def test_gpus_that_are_not_understood(memory_room: Room, capsys: Capture, text: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "n.ipynb", "-o", "o.ipynb", f"--gpus={text}"])
    assert left.value.code == 2
    assert f"argument --gpus: “{text}” " in (told := capsys.readouterr().err)
    assert "device=0,2" in told


def test_a_cell_that_fails(memory_room: Room, capsys: Capture) -> None:
    """Status 3, the cell's number, and the notebook as far as it has come."""
    environment = memory_room.environment_now(memory_room.image)
    path = notebook(memory_room, "print('first')", "1 / 0", "print('never')")
    assert main(["run", "n.ipynb", "--inplace", "-e", environment.name]) == 3
    err = capsys.readouterr().err
    assert "error: Cell 2 of n.ipynb failed: ZeroDivisionError: division by zero" in err
    assert printed(path) == "first\n"


def test_a_kernel_that_dies(memory_room: Room, capsys: Capture) -> None:
    environment = memory_room.environment_now(memory_room.image)
    notebook(memory_room, "import os; os._exit(7)")
    assert main(["run", "n.ipynb", "-o", "o.ipynb", "-e", environment.name, "--json"]) == 1
    assert "exit code 7" in json.loads(capsys.readouterr().out)["message"]


@pytest.mark.parametrize(
    ("words", "rule", "status", "code"),
    [
        (["--gpus", "3"], {}, 1, "not_enough_gpus"),
        (["--gpus", "2"], {"max_gpus_per_kernel": 1}, 1, "policy_gpus"),
        (["--gpus", "device=0,1"], {"max_gpus_per_kernel": 1}, 1, "policy_gpus"),
        (["--gpus", "device=0,2"], {}, 1, "no_such_gpu"),
        (["--memory", "3g"], {"max_memory": "2g"}, 1, "policy_memory"),
        (["--memory", "much"], {}, 1, "invalid_request"),
        (["--memory", "1k"], {}, 1, "invalid_request"),
        (["-e", "nowhere"], {}, 1, "environment_not_found"),
    ],
)
def test_what_a_run_cannot_have(
    memory_room: Room, capsys: Capture, words: list[str], rule: Any, status: int, code: str
) -> None:
    memory_room.configure(fixed_gpus=TWO, **rule)
    environment = memory_room.environment_now(memory_room.image)
    notebook(memory_room, "1", kernelspec=spec(environment.name))
    assert main(["run", "n.ipynb", "-o", "o.ipynb", "--json", *words]) == status
    assert json.loads(capsys.readouterr().out)["code"] == code
    assert not (memory_room.workspace / "o.ipynb").exists()


def test_a_gpu_that_is_busy(terminal: Terminal, tmp_path: Path) -> None:
    """Status 4 where patience ends: a script may come again."""
    terminal.configure(wait_for_gpus=0.2)
    added = terminal("environments", "add", TORCH, "--gpus", "1", "--name", "torch")
    assert added.status == 0
    terminal.container(owner=str(Owner.current()), gpus=terminal.uuids())
    made = nbformat.v4.new_notebook(metadata={"kernelspec": spec("torch")})
    nbformat.write(made, tmp_path / "work" / "n.ipynb")
    ran = terminal("run", "n.ipynb", "-o", "o.ipynb")
    assert ran.status == 4
    assert "Waiting for GPUs, number 1 in line." in ran.err
    assert "error: 1 GPU was asked for, but none of 2 is free. Held by nb1.ipynb" in ran.err
    assert "Traceback" not in ran.err
    assert len(terminal.containers()) == 1
    assert not (tmp_path / "work" / "o.ipynb").exists()


@pytest.mark.parametrize(
    ("any_room", "end", "status"),
    [
        ("memory", "SIGINT", 130),
        ("memory", "SIGHUP", 129),
        pytest.param("docker", "SIGTERM", 143, marks=pytest.mark.engine),
    ],
    indirect=["any_room"],
)
def test_a_run_that_is_ended(any_room: Room, end: str, status: int) -> None:
    """The container goes; what was printed until then is written."""
    environment = any_room.environment_now(any_room.image)
    mark = any_room.workspace / "begun"
    cell = f"print('so far', flush=True); open({str(mark)!r}, 'w'); import time; time.sleep(600)"
    notebook(any_room, "print('first')", cell, kernelspec=spec(environment.name))
    command = [*PROGRAM, "run", "n.ipynb", "-o", "o.ipynb"]
    with subprocess.Popen(command, cwd=any_room.workspace, env=any_room.environ()) as program:
        wait_for_mark(program, mark)
        program.send_signal(getattr(signal, end))
        assert program.wait(60) == status
    assert printed(any_room.workspace / "o.ipynb").startswith("first\n")
    assert any_room.settled() == []


@pytest.mark.parametrize("text", ["no notebook", None])
def test_what_is_no_notebook(memory_room: Room, capsys: Capture, text: str | None) -> None:
    if text:
        (memory_room.workspace / "n.ipynb").write_text(text)
    assert main(["run", "n.ipynb", "-o", "o.ipynb"]) == 1
    assert "error: n.ipynb cannot be read: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["run", "n.ipynb"])  # nowhere to write
    assert left.value.code == 2


@pytest.mark.engine
def test_variables_of_one_run_reach_papermill(engine_room: Room) -> None:
    """The container's memory is the run's; a rule of the administrator bounds it."""
    engine_room.configure(max_memory="1g")
    name = engine_room.environment_now(engine_room.image).name
    notebook(engine_room, LIMIT, kernelspec=spec(name))
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", name, "n.ipynb"]

    def run(number: int, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return run_program(engine_room, [*papermill, f"o{number}.ipynb"], env=env)

    with ThreadPoolExecutor() as pool:
        done, over, wrong = pool.map(
            run, range(3), ({MEMORY: "512m"}, {MEMORY: "2g"}, {GPUS: "device=9"})
        )
    assert (done.returncode, printed(engine_room.workspace / "o0.ipynb")) == (0, f"{512 << 20}\n")
    assert (over.returncode, wrong.returncode) == (1, 1)
    assert "2 GB" in over.stdout
    assert "has no GPU 9." in wrong.stdout


@pytest.mark.engine
def test_a_papermill_that_a_scheduler_ends_leaves_no_container(engine_room: Room) -> None:
    """It dies of the signal, as it would without us."""
    name = engine_room.environment_now(engine_room.image).name
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", name]
    with ExitStack() as running:
        programs = {}
        for end in (signal.SIGTERM, signal.SIGHUP):
            mark = engine_room.workspace / f"begun-{end}"
            cell = f"open({str(mark)!r}, 'w'); import time; time.sleep(600)"
            path = notebook(engine_room, cell, name=f"{end}.ipynb")
            words = [*command, path.name, f"o{end}.ipynb"]
            program = subprocess.Popen(words, cwd=engine_room.workspace, env=engine_room.environ())
            programs[end] = (running.enter_context(program), mark)
        for end, (program, mark) in programs.items():
            wait_for_mark(program, mark)
            program.send_signal(end)
        for end, (program, _) in programs.items():
            assert program.wait(60) == -end
    assert engine_room.settled() == []
