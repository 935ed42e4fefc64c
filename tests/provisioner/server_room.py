"""A room with a real Jupyter server for the tests of a file, and environments good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import IMAGES
from tests.rooms import Room
from tests.servers import Server

__all__ = ["own", "room", "server", "shared"]

ONCE = "mkdir /tmp/once || exec sleep infinity; exec python3 -m ipykernel_launcher -f $0"


@pytest.fixture(scope="module")
def room(image_facts: Path, engine_host: str) -> Iterator[Room]:
    """The room of all this file's servers."""
    room = Room("docker", image_facts)
    room.configure(attach_timeout=4, start_timeout=60)
    yield room
    room.close()


@pytest.fixture(scope="module")
def shared(room: Room, images: object) -> Iterator[Server]:
    """A server with environments: "good", "silent" never answers, "exits" exits at once, "once"
    answers only until it is started again."""
    # how often it looks for kernels that died
    server = Server(room, "--KernelRestarter.time_to_dead=0.5")
    good = server.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})["name"]
    folder = room.data / "kernels"
    (folder / good).rename(folder / "good")
    for name, argv in (
        ("silent", ["/bin/sleep", "infinity"]),
        ("exits", ["/bin/sh", "-c", "echo no licence >&2; exit 3"]),
        ("once", ["/bin/sh", "-c", ONCE, "{connection_file}"]),
    ):
        spec = json.loads((folder / "good" / "kernel.json").read_text())
        (folder / name).mkdir()
        (folder / name / "kernel.json").write_text(json.dumps({**spec, "argv": argv}))
    yield server
    assert server.terminate() == 0


@pytest.fixture
def server(shared: Server, room: Room) -> Iterator[Server]:
    """The server, and the certainty that a test left nothing in it."""
    yield shared
    shared.close_pages()
    try:
        shared.until(lambda: not shared.kernels() and not room.leftovers(), 15)
    finally:  # the other tests shall not suffer from this one
        for kernel_id in shared.kernels():
            shared.request("DELETE", f"/api/kernels/{kernel_id}")


@pytest.fixture
def own(shared: Server, room: Room) -> Iterator[list[Server]]:
    """A list for servers that a test starts for itself."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        if server.process.poll() is None:
            server.kill()
            forget_connection_files(room)
    assert room.settled() == []


def forget_connection_files(room: Room) -> None:
    """Remove what a killed server leaves in Jupyter's own folder, of no use to anybody."""
    for path in room.runtime.glob("kernel-*.json"):
        path.unlink()
