"""Several processes on one engine: killed ones, and a race of two for the last GPU."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from jupyter_gpu_containers.model.kernel import labels
from tests.conftest import IMAGES, ROOT
from tests.faults.one_gpu import one_gpu_engine
from tests.rooms import ENGINE_IMAGE, Room

pytestmark = pytest.mark.engine

CHILD = ROOT / "tests" / "provisioner" / "child.py"


@pytest.fixture
def programs() -> Iterator[list[subprocess.Popen[str]]]:
    """Programs that a test starts; they end with it."""
    programs: list[subprocess.Popen[str]] = []
    yield programs
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.communicate()


def begin(room: Room, *cells: str, gpus: int = 0) -> subprocess.Popen[str]:
    """Start a program that starts a kernel; see child.py."""
    return subprocess.Popen(
        [sys.executable, str(CHILD), ENGINE_IMAGE, *cells],
        cwd=room.workspace,
        env={
            **room.environ(),
            "PYTHONPATH": str(ROOT),
            "JGC_TEST_GPUS": str(gpus),
            "TMPDIR": str(room.runtime),  # what a killed one leaves there goes with the room
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def holding(program: subprocess.Popen[str]) -> str:
    """Wait until a program's kernel runs; return its container's id."""
    assert program.stdout
    line = program.stdout.readline()
    assert line.startswith("running "), line
    return line.split()[1]


async def test_killed(engine_room: Room, programs: list[subprocess.Popen[str]]) -> None:
    """Whoever comes next removes container, run directory and home of the dead."""
    programs += [begin(engine_room, "--hold"), begin(engine_room, "--hold")]
    dead, alive = (holding(program) for program in programs)
    assert sorted(engine_room.containers()) == sorted([dead, alive])
    services = engine_room.services
    assert (await services.claims.reconcile()).removed == []  # both live
    programs[0].kill()
    programs[0].wait()
    removed = (await services.claims.reconcile()).removed
    assert dead in [container.id for container in removed]
    services.kernels.seats.sweep([])
    assert engine_room.containers() == [alive]
    assert len(list(engine_room.run.iterdir())) == 1
    assert len(list((engine_room.data / "gpu_containers" / "homes").iterdir())) == 1
    programs[1].send_signal(signal.SIGINT)
    programs[1].wait(30)
    assert engine_room.containers() == []
    for path in engine_room.runtime.glob("*.json"):  # of the killed one, Jupyter's own
        path.unlink()


@pytest.fixture
def one_gpu(engine_room: Room, engine_host: str, tmp_path: Path) -> Iterator[Room]:
    """A room on a machine with one GPU."""
    with one_gpu_engine(engine_room, engine_host, tmp_path):
        yield engine_room


@pytest.mark.root
def test_two_race_for_the_last_gpu(one_gpu: Room, programs: list[subprocess.Popen[str]]) -> None:
    """One wins; the other reads that none is free, and what holds it."""
    programs += [begin(one_gpu, "--hold", gpus=1) for _ in range(2)]
    waiting = {program.stdout: program for program in programs}
    first = select.select(list(waiting), [], [])[0]
    ends = [waiting[stream] for stream in first]
    loser = next((program for program in ends if program.stdout.readline() == ""), None)
    if loser is None:
        loser = next(program for program in programs if program not in ends)
        assert loser.stdout
        assert loser.stdout.readline() == ""
    winner = next(program for program in programs if program is not loser)
    said = loser.communicate()[1]
    assert "GpusBusyError: 1 GPU was asked for, but none of 1 is free. Held by " in said
    assert "Stop a kernel that holds a GPU" in said
    assert len(one_gpu.containers()) == 1
    winner.send_signal(signal.SIGINT)
    winner.wait(30)


async def test_containers_that_are_not_ours(engine_room: Room, engine_host: str) -> None:
    """Neither a name nor an owner makes a container ours, only the label of our format does."""
    with closing(docker.APIClient(engine_host)) as client:
        found = {labels.OWNER: "x", labels.KERNEL: "y"}
        created = client.create_container(IMAGES.debian12, ["true"], labels=found)
        try:
            services = engine_room.services
            await services.claims.reconcile()
            assert client.inspect_container(created["Id"])["State"]["Status"] == "created"
        finally:
            client.remove_container(created["Id"])
