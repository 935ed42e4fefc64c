"""A server dies at a named point of a kernel's life; the next one leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from jupyter_gpu_containers.model.kernel.spare import HANDOVER_FILE, PIPE_FILE
from jupyter_gpu_containers.service.recovery.crashpoints import POINTS, SIGKILL_EXIT, VARIABLE
from tests.conftest import IMAGES, ROOT
from tests.forked_servers import ForkedServer as Server
from tests.rooms import Room


def test_the_list_is_that_of_the_code() -> None:
    package = ROOT / "jupyter_gpu_containers"
    found = [
        name
        for path in package.rglob("*.py")
        for name in re.findall(r'\breached\("([\w.]+)"\)', path.read_text())
    ]
    assert sorted(found) == sorted(POINTS)
    assert len(POINTS) >= 30


@pytest.mark.parametrize(
    ("wanted", "code"), [("b", SIGKILL_EXIT), ("a:2", SIGKILL_EXIT), ("a:3", 0), ("", 0), ("c", 0)]
)
def test_dies_there_and_nowhere_else(wanted: str, code: int) -> None:
    """Without a word: no handler, no `finally`."""
    program = (
        "from jupyter_gpu_containers.service.recovery.crashpoints import reached\n"
        "try:\n    reached('a'); reached('a'); reached('b')\nfinally:\n    print('end')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, VARIABLE: wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert ended.stdout == ("" if code else "end\n")


@pytest.fixture
def room(engine_room: Room) -> Room:
    engine_room.configure(attach_timeout=60)
    return engine_room


@pytest.fixture
def servers(room: Room) -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.terminate()
    for path in room.runtime.glob("kernel-*.json"):  # Jupyter's own, of servers that were killed
        path.unlink()


def next_server(room: Room, servers: list[Server], point: str) -> Server:
    """Start another server, which dies at a point ("": at none)."""
    servers.append(server := Server(room, env={VARIABLE: point} if point else {}))
    return server


def died(server: Server) -> None:
    """Wait until it has died of its point."""
    assert server.process.wait(60) == SIGKILL_EXIT
    server.wait(1)


def forgotten(room: Room, server: Server) -> None:
    """Wait until the server has removed what the one before it had of kernels."""
    server.until(lambda: not room.containers() and not list(room.run.glob("*")))
    server.until(lambda: not room.records())


@pytest.mark.engine
@pytest.mark.parametrize(
    "points", [("seat.take", "seat.folder", "record.drafted"), ("claim.created", "kernel.running")]
)
def test_in_a_start(room: Room, servers: list[Server], points: tuple[str, ...]) -> None:
    """What was begun is removed by the next server's first pass, and the start is reported."""
    server = next_server(room, servers, points[0])
    name = server.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    for number, following in enumerate((*points[1:], ""), 1):
        with pytest.raises((requests.ConnectionError, AssertionError)):
            server.reached(server.session(name)["kernel"]["id"], "running")
        died(server)
        server = next_server(room, servers, following)
        forgotten(room, server)
        assert server.kernels() == []
        launches = server.ask("GET", "/gpu-containers/launches")["launches"]
        told = [(launch["error"]["code"], launch["path"]) for launch in launches]
        assert told == [("server_ended", "n.ipynb")] * number
    # and it works
    server.reached(server.session(name)["kernel"]["id"], "running")


def restart_warm(server: Server, kernel_id: str) -> None:
    """Restart until the server dies of it: a busy machine may restart cold, without the points."""
    for _ in range(10):
        server.ask("POST", f"/api/kernels/{kernel_id}/restart")


@pytest.mark.engine
@pytest.mark.parametrize("point", ["restart.ordered", "restart.cleared", "restart.gone_on"])
def test_in_a_restart(room: Room, servers: list[Server], point: str) -> None:
    """The next server finds the new kernel, or says that there is none; nothing lies between."""
    room.configure(warm_restart=True)
    servers.append(first := Server(room, env={VARIABLE: point}))
    name = first.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    kernel_id = first.session(name)["kernel"]["id"]
    first.reached(kernel_id, "running")
    first.connect(kernel_id).run("x = 1")
    with pytest.raises((requests.ConnectionError, AssertionError)):
        restart_warm(first, kernel_id)
    died(first)
    servers.append(second := Server(room))
    if point == "restart.gone_on":
        assert second.connect(kernel_id).run("print('x' in globals())") == "False"
        assert len(room.containers()) == 1
    else:
        second.until(lambda: not room.containers() and not list(room.run.glob("*")))
        [launch] = second.ask("GET", "/gpu-containers/launches")["launches"]
        assert (launch["phase"], launch["error"]["code"]) == ("failed", "kernel_exited")
        second.until(lambda: second.kernels() == [])
        kernel_id = second.session(name)["kernel"]["id"]
        second.reached(kernel_id, "running")
    page = second.restart(second.connect(kernel_id), kernel_id)
    assert page.run("print(6 * 7)") == "42"


def pipes(room: Room) -> list[Path]:
    """Return the pipes at which an interpreter waits."""
    found = []
    for pipe in room.run.glob(f"*/{PIPE_FILE}"):
        with contextlib.suppress(OSError):  # nobody waits there
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            found.append(pipe)
    return found


@pytest.mark.engine
@pytest.mark.parametrize(
    "point",
    [
        *("spare.created", "spare.started", "spare.taken", "spare.handover", "spare.handed_over"),
        *("spare.removed", ""),
    ],
)
def test_with_a_container_that_waits(room: Room, servers: list[Server], point: str) -> None:
    """Nothing of it is left, and the kernel that runs already is taken over."""
    room.configure(spare_kernels=1)
    armed = {VARIABLE: point} if point else {}
    servers.append(first := Server(room, env=armed))
    name = first.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    runs = first.session(name)["kernel"]["id"]
    first.reached(runs, "running")
    if point not in ("spare.created", "spare.started"):
        first.until(lambda: pipes(room))
        if point == "spare.removed":
            with contextlib.suppress(requests.ConnectionError):
                first.ask("DELETE", "/gpu-containers/spares")
        elif point:
            with contextlib.suppress(requests.ConnectionError, AssertionError):
                second_id = first.session(name, "m.ipynb")["kernel"]["id"]
                first.reached(second_id, "running")
        else:
            first.kill()  # while it waits
    if point:
        died(first)
    room.configure(spare_kernels=0)
    servers.append(second := Server(room))
    second.until(lambda: second.kernels() == [runs])
    second.until(lambda: len(room.containers()) == 1)
    second.until(lambda: len(list(room.run.glob("*"))) == 1)
    assert second.connect(runs).run("print(6 * 7)") == "42"


@pytest.mark.engine
def test_a_kernel_that_took_a_container_which_waited_is_taken_over(
    room: Room, servers: list[Server]
) -> None:
    room.configure(spare_kernels=1)
    servers.append(first := Server(room))
    name = first.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    one = first.session(name)["kernel"]["id"]
    first.reached(one, "running")
    (pipe,) = first.until(lambda: pipes(room))
    launched = first.launch(environment=name, path="m.ipynb")
    first.reached(launched, "running")
    assert (pipe.parent / HANDOVER_FILE).exists()  # it was this one
    first.connect(launched).run("x = 42")
    first.kill()
    servers.append(second := Server(room))
    assert second.connect(launched).run("print(x)") == "42"
    assert sorted(second.kernels()) == sorted([one, launched])
    assert second.terminate() == 0
    assert room.containers() == []


@pytest.mark.engine
def test_in_a_recovery(room: Room, servers: list[Server]) -> None:
    """A server that dies while it takes a kernel over hurts nothing: the next one does it."""
    servers.append(first := Server(room))
    name = first.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    kernel_id = first.session(name)["kernel"]["id"]
    first.reached(kernel_id, "running")
    first.connect(kernel_id).run("x = 42")
    first.kill()
    for point in ("reattach.found", "seat.adopt:2", "kernel.adopted"):
        count = len(servers)
        with contextlib.suppress(AssertionError):  # it may be gone before it has answered
            next_server(room, servers, point)
        for server in servers[count:]:
            died(server)
        assert len(room.containers()) == 1
    last = next_server(room, servers, "")
    assert last.connect(kernel_id).run("print(x)") == "42"
    last.until(lambda: last.get_launch(kernel_id)["recovered"])
    assert len(room.containers()) == 1


@pytest.mark.engine
@pytest.mark.parametrize("point", ["kernel.abandon", "release.removed", "seat.left"])
def test_in_a_shutdown(room: Room, servers: list[Server], point: str) -> None:
    """A kernel whose end was asked for does not come back half, and nobody says that it died."""
    first = next_server(room, servers, point)
    name = first.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    kernel_id = first.session(name)["kernel"]["id"]
    first.reached(kernel_id, "running")
    with contextlib.suppress(requests.ConnectionError):  # it may be answered before the removal
        first.request("DELETE", f"/api/kernels/{kernel_id}")
    died(first)
    second = next_server(room, servers, "")
    forgotten(room, second)
    second.until(lambda: second.kernels() == [])
    told = second.request("GET", f"/gpu-containers/launches/{kernel_id}")
    assert told.status_code == 404, told.text
