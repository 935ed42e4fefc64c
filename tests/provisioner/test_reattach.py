"""A Jupyter server is killed and comes back: its kernels run on, and its pages find them again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_gpu_containers.model.kernel import labels
from tests.conftest import IMAGES
from tests.forked_servers import ForkedServer
from tests.rooms import Room
from tests.servers import Server

pytestmark = pytest.mark.engine


@pytest.fixture
def room(engine_room: Room) -> Room:
    """A room with two assumed GPUs, of which the engine is told nothing."""
    engine_room.configure(attach_timeout=60, start_timeout=60)
    return engine_room


@pytest.fixture
def servers(room: Room) -> Iterator[list[Server]]:
    """Servers that a test starts; what still runs is ended."""
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.terminate()


@pytest.fixture
def first(room: Room, servers: list[Server]) -> Server:
    """A server with an environment "good"."""
    servers.append(ForkedServer(room))
    name = servers[0].ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})
    folder = room.data / "kernels"
    (folder / name["name"]).rename(folder / "good")
    return servers[0]


@pytest.fixture
def client(engine_host: str) -> Iterator[docker.APIClient]:
    """The engine."""
    with closing(docker.APIClient(engine_host, timeout=60)) as client:
        yield client


def started(server: Server, path: str = "n.ipynb") -> Any:
    """Open a notebook with a kernel and wait until it runs; return the session."""
    session = server.session("good", path)
    server.reached(session["kernel"]["id"], "running")
    return session


def recovered(server: Server, kernel_id: str) -> Any:
    """Wait until a server has taken a kernel over; return the launch."""
    log = server.log
    server.until(lambda: f"kernel {kernel_id} was recovered" in log.read_text())
    return server.get_launch(kernel_id)


def audited(room: Room, kernel_id: str) -> list[str]:
    """Return what the audit trail has of a kernel, over all servers."""
    trail = room.data / "gpu_containers" / "audit.jsonl"
    found = map(json.loads, trail.read_text("utf-8").splitlines())
    return [each["event"] for each in found if each["launch"] == kernel_id]


def test_killed_and_back(
    room: Room, servers: list[Server], first: Server, client: docker.APIClient
) -> None:
    """Same container, same variables, same session; an ordinary shutdown then leaves nothing."""
    session = started(first)
    kernel_id = session["kernel"]["id"]
    page = first.connect(kernel_id)
    page.run("x = 42")
    [container] = room.containers()
    before = client.inspect_container(container)["State"]["StartedAt"]
    first.kill()
    assert room.containers() == [container]

    servers.append(second := ForkedServer(room))
    # at once, not only when the engine has told
    [listed] = second.ask("GET", "/api/sessions")
    assert {key: listed[key] for key in ("id", "path", "name", "type")} == {
        key: session[key] for key in ("id", "path", "name", "type")
    }
    page = second.connect(kernel_id)
    assert page.run("print(x)") == "42"
    launch = recovered(second, kernel_id)
    assert (launch["phase"], launch["recovered"]) == ("running", True)
    assert launch["container_id"] == container
    assert room.containers() == [container]
    assert client.inspect_container(container)["State"]["StartedAt"] == before
    # what a running kernel can do, it still can
    page.send("import time; print('asleep', flush=True); time.sleep(1000)")
    page.until_printed("asleep")  # IPython counts no cell that is interrupted before it runs
    assert second.request("POST", f"/api/kernels/{kernel_id}/interrupt").status_code == 204
    assert page.run("print(x + 1)") == "43"
    page = second.restart(page, kernel_id)
    assert page.run("print('x' in dir())") == "False"
    page.close()
    assert room.containers() == [container]
    assert second.terminate() == 0
    assert room.settled() == []
    assert room.records() == []
    assert audited(room, kernel_id) == ["started", "recovered", "restarted", "ended"]


def test_twice(room: Room, servers: list[Server], first: Server) -> None:
    """A kernel outlives any number of servers."""
    kernel_id = started(first)["kernel"]["id"]
    first.connect(kernel_id).run("x = 1")
    first.kill()
    for count in (2, 3):
        servers.append(server := ForkedServer(room))
        page = server.connect(kernel_id)
        assert page.run("x += 1; print(x)") == str(count)
        recovered(server, kernel_id)
        server.kill()
    servers.append(server := ForkedServer(room))
    recovered(server, kernel_id)
    server.request("DELETE", f"/api/kernels/{kernel_id}")
    assert server.terminate() == 0
    assert room.containers() == []
    assert room.records() == []


def test_in_the_middle_of_a_cell(room: Room, servers: list[Server], first: Server) -> None:
    """The cell runs on; the kernel counts as busy until it has ended."""
    kernel_id = started(first)["kernel"]["id"]
    page = first.connect(kernel_id)
    page.send(
        "import os, time\n"
        "print('begun', flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.05)\n"
        "x = 'done'"
    )
    page.until_printed("begun")
    first.kill()
    servers.append(server := ForkedServer(room))
    recovered(server, kernel_id)
    [kernel] = server.ask("GET", "/api/kernels")
    assert kernel["execution_state"] == "busy"
    (room.workspace / "go").touch()

    def idle() -> bool:
        [kernel] = server.ask("GET", "/api/kernels")
        return bool(kernel["execution_state"] == "idle")

    server.until(idle)
    assert server.connect(kernel_id).run("print(x)") == "done"


def test_sessions_as_they_were_last(room: Room, servers: list[Server], first: Server) -> None:
    """A notebook that was renamed, one that was closed, and a second one on the same kernel."""
    session, closed = started(first), started(first, "closed.ipynb")
    kernel_id = session["kernel"]["id"]
    first.ask("PATCH", f"/api/sessions/{session['id']}", {"path": "new.ipynb", "name": "new.ipynb"})
    body = {"path": "b.ipynb", "name": "b.ipynb", "type": "notebook", "kernel": {"id": kernel_id}}
    other = first.ask("POST", "/api/sessions", body)
    first.request("DELETE", f"/api/sessions/{closed['id']}")
    first.until(lambda: len(room.records()) == 1)  # the other one's container is being removed
    first.kill()
    servers.append(server := ForkedServer(room))
    found = {row["id"]: row["path"] for row in server.ask("GET", "/api/sessions")}
    assert found == {session["id"]: "new.ipynb", other["id"]: "b.ipynb"}
    recovered(server, kernel_id)
    assert server.kernels() == [kernel_id]


def test_ended_meanwhile(
    room: Room, servers: list[Server], first: Server, client: docker.APIClient
) -> None:
    """One exited, one was removed: each says so, and nothing of them is left."""
    exited, removed = (
        started(first, path)["kernel"]["id"] for path in ("exited.ipynb", "removed.ipynb")
    )
    ids = {
        kernel_id: client.containers(filters={"label": f"{labels.KERNEL}={kernel_id}"})[0]["Id"]
        for kernel_id in (exited, removed)
    }
    first.kill()
    client.kill(ids[exited], signal="KILL")
    client.wait(ids[exited])
    client.remove_container(ids[removed], force=True)
    servers.append(server := ForkedServer(room))

    def failed(kernel_id: str) -> Any:
        launch = server.reached(kernel_id, "failed")
        return launch["error"]["code"]

    assert failed(removed) == "container_removed"
    assert failed(exited).startswith("kernel_")
    server.until(lambda: server.kernels() == [])
    assert server.ask("GET", "/api/sessions") == []
    assert server.terminate() == 0
    assert room.settled() == []
    assert room.records() == []


def test_gpus_stay_claimed(room: Room, servers: list[Server], first: Server) -> None:
    """While the server is away nobody gets them, and its next life has them still.

    Labels alone are the claim; the engine has no device of these.
    """
    kernel_id = started(first)["kernel"]["id"]
    first.kill()
    # another user's program, or papermill: it must not sweep what may yet be taken over
    import asyncio

    swept = asyncio.run(room.services.claims.reconcile())
    assert swept.removed == []
    assert len(room.containers()) == 1
    servers.append(server := ForkedServer(room))
    recovered(server, kernel_id)
    swept = asyncio.run(room.services.claims.reconcile())
    assert swept.removed == []
    assert len(room.containers()) == 1


def test_the_grace_ends(room: Room, servers: list[Server], first: Server) -> None:
    """Without a server and after the grace, whoever comes next of the same user frees all."""
    kernel_id = started(first)["kernel"]["id"]
    first.kill()
    room.configure(reattach_grace=0.0)
    import asyncio

    services = room.services
    removed = asyncio.run(services.claims.reconcile()).removed
    assert [container.labels[labels.KERNEL] for container in removed] == [kernel_id]
    services.kernels.seats.sweep([])
    assert room.containers() == []
    servers.append(server := ForkedServer(room))
    assert server.reached(kernel_id, "failed")["error"]["code"] == "container_removed"
    assert server.terminate() == 0
    assert room.settled() == []


def test_a_record_is_lost(room: Room, servers: list[Server], first: Server) -> None:
    """Nobody can take the kernel over: it is stopped when the grace is over, and reported."""
    kernel_id = started(first)["kernel"]["id"]
    first.kill()
    [record] = room.records()
    record.write_bytes(record.read_bytes()[:100])
    room.configure(reattach_grace=0.0)
    servers.append(server := ForkedServer(room))
    launch: Any = server.until(
        lambda: next(
            (
                launch
                for launch in server.ask("GET", "/gpu-containers/launches")["launches"]
                if launch["id"] == kernel_id and launch["phase"] == "failed"
            ),
            None,
        )
    )
    assert launch["error"]["code"] == "kernel_not_recovered"
    assert launch["path"] == "n.ipynb"
    assert room.containers() == []
    assert server.terminate() == 0
    for path in room.runtime.glob("kernel-*.json"):  # Jupyter's own, of the first server
        path.unlink()


def test_the_kernel_led_its_socket_elsewhere(
    room: Room, servers: list[Server], first: Server
) -> None:
    """A server that comes back connects to no socket but the kernel's own."""
    kernel_id = started(first)["kernel"]["id"]
    page = first.connect(kernel_id)
    page.run(
        "import glob, os\n"
        "from ipykernel.kernelapp import IPKernelApp\n"
        "folder = os.path.dirname(IPKernelApp.instance().connection_file)\n"
        "for path in glob.glob(folder + '/k-*'):\n"
        "    os.rename(path, path + '.real')\n"
        "    os.symlink('/var/run/docker.sock', path)"
    )
    first.kill()
    servers.append(server := ForkedServer(room))
    assert server.reached(kernel_id, "failed")["error"]["code"] == "run_dir_changed"
    server.until(lambda: room.containers() == [])
    assert server.terminate() == 0
    assert room.settled() == []


def test_secrets_stay_in_files(
    room: Room, servers: list[Server], first: Server, client: docker.APIClient
) -> None:
    """Neither the kernel's key nor the signing one is in logs, labels, variables or commands."""
    kernel_id = started(first)["kernel"]["id"]
    first.kill()
    servers.append(server := Server(room))  # one whose command line and variables are seen
    recovered(server, kernel_id)
    [record] = room.records()
    assert record.stat().st_mode & 0o777 == 0o600
    assert record.stat().st_uid == os.getuid()
    keys = [
        json.loads(record.read_text())["connection"]["key"],
        (room.data / "gpu_containers" / "key").read_text().strip(),
    ]
    [container] = room.containers()
    places = [
        first.log.read_text(),
        server.log.read_text(),
        json.dumps(client.inspect_container(container)),
        client.logs(container).decode(),
        server.request("GET", "/gpu-containers/launches").text,
        *(
            Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
            for pid in (server.process.pid, client.inspect_container(container)["State"]["Pid"])
            for name in ("cmdline", "environ")
        ),
    ]
    for key in keys:
        assert len(key) > 30
        assert not [place for place in places if key in place]
