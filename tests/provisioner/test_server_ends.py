"""A real Jupyter server that ends, or is killed, with starts that failed; and Notebook 7."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forked_servers import ForkedServer
from tests.provisioner.server_room import *  # noqa: F403
from tests.rooms import Room
from tests.servers import Server

pytestmark = pytest.mark.engine

CHANNELS = "jupyter_server.services.kernels.connection.channels"
MANAGER = "jupyter_server.services.kernels.kernelmanager"
STOCK = (  # what a user may have set: jupyter_server's own defaults
    "--AsyncMappingKernelManager.use_pending_kernels=False",
    f"--ServerApp.kernel_websocket_connection_class={CHANNELS}.ZMQChannelsWebsocketConnection",
    f"--ServerApp.kernel_manager_class={MANAGER}.AsyncMappingKernelManager",
)


@pytest.mark.parametrize("options", [(), STOCK], ids=["ours", "stock"])
def test_a_server_with_a_failed_start_ends(
    room: Room, own: list[Server], options: tuple[str, ...]
) -> None:
    """And with it the kernel that runs: jupyter_server alone would fail to shut down at all."""
    server = ForkedServer(room, *options)
    own.append(server)
    good = server.session("good", "a.ipynb")
    server.reached(good["kernel"]["id"], "running")
    body = {"path": "b.ipynb", "name": "b", "type": "notebook", "kernel": {"name": "exits"}}
    server.request("POST", "/api/sessions", body)
    server.until(
        lambda: any(
            launch["phase"] == "failed"
            for launch in server.ask("GET", "/gpu-containers/launches")["launches"]
        )
    )
    assert server.terminate() == 0
    assert room.leftovers() == []


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_a_launch_that_does_not_come_up_in_a_server_with_stock_settings(
    room: Room, own: list[Server], ending: str
) -> None:
    """There a start is no kernel yet: none can be shut down, and none must be."""
    server = ForkedServer(room, *STOCK)
    own.append(server)
    if ending == "failed":
        launch_id = server.launch(environment="exits")
        assert server.reached(launch_id, "failed")["error"]["code"] == "kernel_exited"
    else:
        launch_id = server.launch(environment="silent")
        server.reached(launch_id, "starting")
        server.cancel(launch_id)
        assert server.get_launch(launch_id)["phase"] == "cancelled"
    server.until(lambda: room.leftovers() == [])
    assert server.kernels() == []
    assert server.terminate() == 0
    assert f"launch {launch_id}" not in server.log.read_text()  # where a bug of ours is told


def test_a_server_with_a_setting_that_cannot_be_used_runs_and_ends(
    image_facts: Path, own: list[Server]
) -> None:
    """The rest of Jupyter must not suffer; the log has the sentence."""
    wrong = Room("docker", image_facts)
    wrong.configure(memory="a lot")
    try:
        own.append(ForkedServer(wrong))
        assert own[0].request("GET", "/gpu-containers/status").status_code == 404
        assert own[0].terminate() == 0
        assert "a lot" in own[0].log.read_text()
    finally:
        wrong.close()


def test_a_server_ends_in_the_middle_of_starts(room: Room, own: list[Server]) -> None:
    server = ForkedServer(room)
    own.append(server)
    launch_id = server.launch(environment="silent", path="a.ipynb")
    session = server.session("silent", "b.ipynb")
    server.reached(launch_id, "starting")
    server.reached(session["kernel"]["id"], "starting")
    assert server.terminate() == 0
    assert room.leftovers() == []


def test_a_server_that_was_killed(room: Room, own: list[Server]) -> None:
    """The next one takes over what ran, and removes what was still being started."""
    server = ForkedServer(room)
    own.append(server)
    running = server.launch(environment="good")
    server.reached(running, "running")
    server.reached(server.launch(environment="silent"), "starting")
    server.kill()
    assert len(room.containers()) == 2
    later = ForkedServer(room)
    own.append(later)
    later.until(lambda: len(room.containers()) == 1)
    assert later.kernels() == [running]
    assert later.reached(running, "running")["recovered"]
    assert later.terminate() == 0
    assert room.settled() == []


def test_notebook_7(room: Room, own: list[Server]) -> None:
    """Another front end on the same server."""
    server = Server(room, program="notebook")
    own.append(server)
    specs = server.ask("GET", "/api/kernelspecs")["kernelspecs"]
    assert "good" in specs
    session = server.session("good")
    page = server.connect(session["kernel"]["id"])
    assert page.run("import os; open('nb7', 'w').write('x'); print(os.getcwd())") == str(
        room.workspace
    )
    page.close()
    assert server.terminate() == 0
    assert (room.workspace / "nb7").read_text() == "x"
    assert room.leftovers() == []
