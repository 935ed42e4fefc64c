"""Ctrl-C, SIGTERM and a closed terminal: exit status, and what is left behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pexpect
import pytest

from tests.conftest import IMAGES
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server
from tests.waiting import wait_until

PROGRAM = [sys.executable, "-m", "jupyter_gpu_containers.cli"]
SLOW = "jgc-test/slow-look:1"
PATIENCE = 60  # seconds
SLEEPER = b"#!/usr/bin/env python3\nimport time\ntime.sleep(600)\n"
ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("end", "status"), ENDINGS)
def test_a_question_leaves_a_terminal_that_echoes(memory_room: Room, end: int, status: int) -> None:
    child = pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], "login", "registry.example", "-u", "anna"],
        env={**os.environ, **memory_room.environ()},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect("Password or token for registry.example: ")
    assert not child.getecho()
    child.kill(end)
    child.expect(pexpect.EOF)
    assert child.getecho()
    assert "Traceback" not in (child.before or "")
    child.close()
    assert child.exitstatus == status


@pytest.mark.parametrize(
    ("words", "end", "status"),
    [
        (["verdict", "--image-config", "-"], signal.SIGINT, 130),
        (["build", "-t", "a:1", "-"], signal.SIGTERM, 143),
        (["login", "registry.example", "-u", "anna", "--password-stdin"], signal.SIGHUP, 129),
    ],
    ids=["verdict", "build", "login"],
)
def test_a_pipe_that_says_nothing(
    memory_room: Room, words: list[str], end: int, status: int
) -> None:
    with subprocess.Popen(
        [*PROGRAM, *words],
        env=memory_room.environ(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        wait_until_it_reads(child.pid)
        child.send_signal(end)
        assert child.wait(PATIENCE) == status
        assert child.stderr is not None
        assert child.stderr.read() == b""


def test_what_nohup_began_goes_on_without_its_terminal(memory_room: Room) -> None:
    with subprocess.Popen(
        ["nohup", *PROGRAM, "verdict", "--image-config", "-"],
        env=memory_room.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        wait_until_it_reads(child.pid)
        child.send_signal(signal.SIGHUP)
        document = b'{"config": {}, "architecture": "amd64", "os": "linux"}'
        out, _ = child.communicate(document, timeout=PATIENCE)
    assert child.returncode == 0
    assert out


def wait_until_it_reads(pid: int) -> None:
    """Wait until a process sleeps in a read from a pipe."""
    wchan = Path(f"/proc/{pid}/wchan")
    assert wait_until(lambda: "pipe_read" in wchan.read_text(), PATIENCE), wchan.read_text()


def test_a_kernel_that_waits_for_its_gpu(memory_room: Room) -> None:
    """`start` cancels its launch, and others stay."""
    memory_room.configure(fixed_gpus=[{"count": 1}])
    server = Server(memory_room)
    holder = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(holder, "running")
    for number, (end, status) in enumerate(ENDINGS, 1):
        with subprocess.Popen(
            [*PROGRAM, "start", "--image", MEMORY_IMAGE, "--gpus", "1"],
            env=memory_room.environ(),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stderr is not None
            while "number 1 in line" not in child.stderr.readline():
                assert child.poll() is None
            child.send_signal(end)
            out, err = child.communicate(timeout=PATIENCE)
        assert (child.returncode, out, err) == (status, "", "")
        phases = [one["phase"] for one in server.ask("GET", "/gpu-containers/launches")["launches"]]
        assert phases == [*["cancelled"] * number, "running"]
    server.cancel(holder)
    assert server.terminate() == 0


@pytest.fixture
def slow_image(engine_host: str) -> Iterator[docker.APIClient]:
    """An image whose shell sleeps: the look inside does not come to an end."""
    client = docker.APIClient(base_url=engine_host, timeout=PATIENCE)
    made = client.create_container(IMAGES.debian12, command=["true"])["Id"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("sh")
        entry.mode, entry.size = 0o755, len(SLEEPER)
        tar.addfile(entry, io.BytesIO(SLEEPER))
    assert client.put_archive(made, "/usr/bin", archive.getvalue())
    repository, _, tag = SLOW.rpartition(":")
    client.commit(made, repository=repository, tag=tag)
    client.remove_container(made)
    yield client
    client.remove_image(SLOW, force=True)
    client.close()


@pytest.mark.engine
def test_a_look_into_an_image(engine_room: Room, slow_image: docker.APIClient) -> None:
    """`environments add`: neither a container nor an environment stays."""

    def looks() -> list[str]:
        rows = slow_image.containers(all=True, filters={"ancestor": SLOW})
        return [row["State"] for row in rows]

    for end, status in ENDINGS:
        with subprocess.Popen(
            [*PROGRAM, "environments", "add", SLOW, "--name", "slow"], env=engine_room.environ()
        ) as child:
            wait_until(lambda: child.poll() is not None or looks() == ["running"], PATIENCE)
            assert looks() == ["running"]
            child.send_signal(end)
            assert child.wait(PATIENCE) == status
        assert looks() == []
    listed = subprocess.run(
        [*PROGRAM, "environments", "list", "--json"],
        env=engine_room.environ(),
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    assert json.loads(listed.stdout) == {"environments": []}
