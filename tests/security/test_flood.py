"""A kernel floods the server with output: the server stays small, and answers others (T33)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

MIB = 1 << 20
FLOOD = 128  # MiB
ROOM = 80  # MiB by which the server may have grown when it has read all of it

PRINT = f"""
import sys
for number in range({FLOOD}):
    sys.stdout.write("x" * {MIB - 1} + "\\n")
    sys.stdout.flush()
"""


# glibc raises it by itself, and then keeps for later what was freed: memory that nobody holds any
# more would count as the server's (mallopt(3), M_MMAP_THRESHOLD)
GIVEN_BACK = {
    "MALLOC_MMAP_THRESHOLD_": str(128 << 10)
}  # bytes of a block that goes back when freed


@pytest.fixture
def server(memory_room: Room) -> Iterator[Server]:
    server = Server(memory_room, env=GIVEN_BACK)
    yield server
    assert server.terminate() == 0


@pytest.fixture
def kernel_id(server: Server) -> str:
    """A kernel that runs; on the memory backend, whose kernels are processes."""
    body = {"image": MEMORY_IMAGE}
    name = server.ask("POST", "/gpu-containers/environments", body)["name"]
    kernel_id = str(server.session(name)["kernel"]["id"])
    server.reached(kernel_id, "running")
    return kernel_id


class Grown:
    """By how much a process has grown since this was made, in MiB."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._before = self._resident()

    def __call__(self) -> float:
        return self._resident() - self._before

    def _resident(self) -> float:
        found = re.search(r"^VmRSS:\s+(\d+) kB", self._status.read_text(), re.MULTILINE)
        assert found
        return int(found[1]) / 1024


def test_a_page_that_is_there(server: Server, kernel_id: str) -> None:
    """Jupyter's limit holds with our websocket class; meanwhile the server answers."""
    page = server.connect(kernel_id)
    answers: list[int] = []
    over = threading.Event()

    def somebody_else() -> None:
        while not over.is_set():
            answers.append(len(server.ask("GET", "/gpu-containers/launches")["launches"]))

    other = threading.Thread(target=somebody_else)
    other.start()
    try:
        text = page.run(PRINT)
    finally:
        over.set()
        other.join()
    assert "IOPub data rate exceeded" in text
    assert len(text) < FLOOD / 3 * MIB
    assert len(answers) > 3  # in the middle of it, not only afterwards
    assert page.run("print(1 + 1)") == "2"


def test_a_page_that_is_away(server: Server, kernel_id: str, memory_room: Room) -> None:
    """What is kept for it has a bound; when it is back, it is told so, and the cell has ended."""
    session_id = "page-that-comes-back"
    page = server.connect(kernel_id, session_id)
    page.run("import os")
    grown = Grown(server.process.pid)
    go = memory_room.workspace / "go"
    os.mkfifo(go)
    cell = page.send(f"open('go').read()\n{PRINT}")
    page.until_state("busy")
    page.close()
    log = server.log
    server.until(lambda: f"Starting buffering for {kernel_id}:{session_id}" in log.read_text())
    go.write_text("")
    server.until(lambda: server.ask("GET", "/api/kernels")[0]["execution_state"] == "idle")
    server.until(lambda: grown() < ROOM)
    page = server.connect(kernel_id, session_id)
    assert "Output is missing from here on" in page.answer(cell)
    assert page.run("print(1 + 1)") == "2"
