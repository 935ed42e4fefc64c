"""The report on GPU use of real servers, one of them killed, on a driver that tells its load."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.doubles.engine import HookEngine
from tests.rooms import Room, run_program
from tests.servers import Server

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def room(room: Room) -> Room:
    """Where use is looked at and written down quickly."""
    room.configure(gpu_look_interval=0.25, accounting_interval=1.0, attach_timeout=60)
    return room


@pytest.fixture
def servers(room: Room) -> Iterator[list[Server]]:
    """Servers that a test starts; what still runs is ended."""
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.terminate()


def reported(room: Room) -> list[Any]:
    """Return the rows that the command tells, by kernel; it asks no server."""
    command = [sys.executable, "-m", "jupyter_gpu_containers.cli", "report", "--since", "1h"]
    done = run_program(room, [*command, "--by", "kernel", "--json"])
    assert done.returncode == 0, done.stdout
    return list(json.loads(done.stdout)["rows"])


def test_a_server_is_killed_and_the_next_one_goes_on(
    room: Room, servers: list[Server], hook_engine: HookEngine, images: SimpleNamespace
) -> None:
    """Held is held, also while nobody looked; what was measured counts once."""
    for number in range(8):
        hook_engine.driver.edit(f"gpu{number}", util="40", energy_mj="1000000")
    env = hook_engine.driver.env
    servers.append(first := Server(room, env=env))
    kernel_id = first.launch(image=images.debian12, gpus=2, path="n.ipynb")
    launch = first.reached(kernel_id, "running")
    began = time.time()

    def measured() -> Any:
        (row,) = first.ask("GET", "/gpu-containers/report?since=1h&by=kernel")["rows"]
        return row if row["sampled_s"] > 2 else None

    row = first.until(measured)
    assert row["idle_share"] == pytest.approx(0.6, abs=0.001)
    assert row["energy_j"] == 0  # the counter stands still
    assert sorted(gpu["uuid"] for gpu in row["gpus"]) == sorted(launch["gpus"])
    holders = first.ask("GET", "/gpu-containers/gpus")["gpus"]
    told = [each["mean_utilization"] for gpu in holders for each in gpu["holders"]]
    assert told == [40, 40]
    first.until(lambda: any(each["sampled_s"] > 1 for each in reported(room)))
    first.kill()
    (left,) = reported(room)
    assert (left["kernel"], left["notebook"], left["image"]) == (
        *(kernel_id, "n.ipynb"),
        images.debian12,
    )

    servers.append(second := Server(room, env=env))
    second.until(lambda: f"kernel {kernel_id} was recovered" in second.log.read_text())
    (known,) = second.ask("GET", "/gpu-containers/report?since=1h&by=kernel")["rows"]
    assert known["held_s"] >= 2 * (time.time() - began) - 1  # also while no server was there
    assert known["running"]
    assert second.terminate() == 0
    (row,) = reported(room)
    assert not row["running"]
    assert known["held_s"] <= row["held_s"] <= 2 * (time.time() - began + 10)
    assert left["sampled_s"] <= row["sampled_s"] < row["held_s"]
    assert row["idle_share"] == pytest.approx(0.6, abs=0.001)
    assert room.settled() == []
