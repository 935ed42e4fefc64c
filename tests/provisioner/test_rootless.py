"""Kernels in a rootless Docker, started by the ordinary user whose engine it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.callers import Caller
from tests.rooms import ENGINE_IMAGE, Room
from tests.rootless import GID, NAME, SUBORDINATE, UID, RootlessEngine

pytestmark = [pytest.mark.engine, pytest.mark.root]
DOCTOR = [str(Path(sys.executable).with_name("jupyter-gpu-containers")), "doctor"]


@pytest.fixture(scope="module")
def engine(engine_host: str) -> Iterator[RootlessEngine]:
    """The user's engine."""
    engine = RootlessEngine()
    try:
        engine.start()
        engine.load(ENGINE_IMAGE, source=engine_host)
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def caller(engine: RootlessEngine, tmp_path: Path) -> Iterator[Caller]:
    """The user."""
    room = Room("docker", tmp_path, owner=(UID, GID))
    room.configure(engine_url=engine.host)
    who = Caller(UID, GID, NAME, room, [*engine.enter(room.workspace), *engine.as_user()])
    who.let_them_read()
    try:
        yield who
        with closing(engine.client()) as client:
            assert client.containers.list(all=True) == []
    finally:
        room.close()


def test_files_belong_to_the_caller(caller: Caller) -> None:
    """The kernel's root is they themselves, and has no capability by that."""
    secret = caller.room.workspace / "secret"
    secret.write_text("theirs")
    secret.chmod(0o640)  # root's own: another's, as seen by the user
    said = caller.cells(
        "open('x', 'w').write('made in a cell')",
        "import os; os.makedirs('d/e'); print(os.getuid(), os.getgid())",
        "print(*open('/proc/self/uid_map').read().split())",
        "s = open('/proc/self/status').read(); print(s.count('CapEff:\\t' + '0' * 16))",
        "print(s.count('NoNewPrivs:\\t1'))",
        "import getpass; print(getpass.getuser(), os.path.expanduser('~'))",
        "open('secret').read()",
        "os.chown('x', 1, 1)",
    )
    assert said[1:6] == [
        "0 0",
        f"0 {UID} 1 1 {SUBORDINATE} 65536",
        "1",
        "1",
        f"{NAME} /home/kernel",
    ]
    assert said[6].startswith("PermissionError")
    assert said[7].startswith("PermissionError")
    for name in ("x", "d", "d/e"):
        facts = (caller.room.workspace / name).stat()
        assert (facts.st_uid, facts.st_gid) == (UID, GID)


def test_the_callers_files_can_be_changed(caller: Caller) -> None:
    caller.run([sys.executable, "-c", "open('n', 'w').write('one')"])
    path = caller.room.workspace / "n"
    path.chmod(0o600)
    caller.cells("open('n', 'a').write(', two')")
    assert path.read_text() == "one, two"


def test_doctor_tells_the_limits_that_are_left_out(caller: Caller, engine: RootlessEngine) -> None:
    """Which depends on the machine's control groups; two are never to be had."""
    with closing(engine.client()) as client:
        info = client.info()
    said = caller.run(DOCTOR, good=(0, 1))  # 1: it found problems, of this machine
    (line,) = (line for line in said.splitlines() if " limits " in line)
    assert "open files" in line
    assert "locked memory" in line
    assert (", memory" in line) is not info["MemoryLimit"]
    assert ("processes" in line) is not info["PidsLimit"]
