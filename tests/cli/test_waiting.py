"""Who waits for GPUs, on the command line: `ps` shows the place, `stop` leaves the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest, Phase
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.queue.file import QueueFile, WaitingLaunch, known_queues
from tests.cli.conftest import Terminal
from tests.rooms import MEMORY_IMAGE, Room
from tests.servers import Server

TAIL = ["SINCE", "USER", "NOTEBOOK"]
NOBODY = "No kernel runs in a container.\n"


def entry(launch_id: str, number: int, path: str = "") -> WaitingLaunch:
    launch = Launch(launch_id, "torch", "PyTorch · 2 GPUs", "torch:1", path)
    launch = launch.advance(Phase.QUEUED, 1.7e9).advance(Phase.WAITING, 1.7e9)
    ticket = Ticket(launch_id, "ada", GpuRequest(2), 1.7e9, number, number)
    return WaitingLaunch(launch, LaunchRequest(environment="torch", path=path), ticket)


@pytest.fixture
def folder(terminal: Terminal, tmp_path: Path) -> Path:
    """Where a server that is gone has left two who wait, the second one's entry first."""
    folder = tmp_path / "data_dir" / "gpu_containers"

    async def write() -> None:
        file = QueueFile.take(folder, str(tmp_path))
        assert file is not None
        file.write([entry("bbbb-2", 2, "b.ipynb"), entry("aaaa-1", 1)])
        await file.close()

    terminal.wait(write())
    return folder


def left(folder: Path) -> list[str]:
    return [each.launch.id for queue in known_queues(folder) for each in queue.launches]


def test_ps_shows_the_places(terminal: Terminal, folder: Path) -> None:
    ran = terminal("ps")
    title, first, second = ran.out.splitlines()
    assert title.split() == ["PLACE", "LAUNCH", "ENVIRONMENT", "WAITS", "FOR", *TAIL]
    assert first.startswith("1 of 2, no server  aaaa-1")
    assert second.startswith("2 of 2, no server  bbbb-2")
    assert "2 GPUs" in first
    assert second.endswith("ada   b.ipynb")
    waiting = terminal("ps", "--json").json["waiting"]
    assert [(row["id"], row["position"], row["server_alive"]) for row in waiting] == [
        ("aaaa-1", 1, False),
        ("bbbb-2", 2, False),
    ]
    assert terminal("queue").out == ran.out
    assert terminal("queue", "--json").json == {"waiting": waiting}


def test_a_queue_in_which_nobody_waits(terminal: Terminal) -> None:
    assert terminal("queue").out == "Nobody waits for a GPU.\n"


def test_stop_leaves_the_queue_of_a_server_that_is_gone(terminal: Terminal, folder: Path) -> None:
    ran = terminal("stop", "aaaa")
    assert ran.out == "PyTorch · 2 GPUs (aaaa-1) waits no longer.\n"
    assert left(folder) == ["bbbb-2"]
    assert terminal("stop", "aaaa").status != 0
    assert terminal("stop", "--all", "--json").json["left"][0]["id"] == "bbbb-2"
    assert left(folder) == []
    assert terminal("ps").out == NOBODY


def test_stop_leaves_the_queue_of_a_running_server(memory_room: Room) -> None:
    memory_room.configure(fixed_gpus=[{"count": 1}])
    server = Server(memory_room)
    holder = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(holder, "running")
    waits = server.launch(image=MEMORY_IMAGE, gpus=1)
    server.reached(waits, "waiting")
    data = memory_room.data / "gpu_containers"
    server.until(lambda: left(data) == [waits])
    from jupyter_gpu_containers.cli.waiting import split_targets, waiting_rows

    (row,), rest = split_targets(waiting_rows(), [waits[:8], "other"])
    assert (row.queue.alive, row.position, rest) == (True, 1, ["other"])
    row.leave()
    assert server.get_launch(waits)["phase"] == "cancelled"
    server.until(lambda: left(data) == [])
    server.cancel(holder)
    assert server.terminate() == 0
