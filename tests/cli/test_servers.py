"""What the command line asks of running Jupyter servers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from jupyter_gpu_containers.cli import main
from jupyter_gpu_containers.cli.rest import running_servers
from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.web.contract import validate
from tests.rooms import MEMORY_IMAGE, Room, enter
from tests.servers import Server

from .conftest import Ran, Terminal


class Shell:
    """Runs commands in a room that has a server."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self._capsys = server, capsys
        self.url = f"{self.server.url}/".replace("127.0.0.1", "localhost")  # as it says itself

    def __call__(self, *words: str) -> Ran:
        status = main(words)
        return Ran(status, *self._capsys.readouterr())

    def json(self, *words: str) -> Any:
        ran = self(*words, "--json")
        assert ran.status == 0, ran.out + ran.err
        return ran.json

    def environment(self, *words: str) -> str:
        """Add an environment; return its name."""
        name = f"torch-{secrets.token_hex(4)}"
        assert self("environments", "add", MEMORY_IMAGE, "--name", name, *words).status == 0
        return name


@pytest.fixture(scope="module")
def server(image_facts: Path) -> Iterator[Server]:
    """A server with one GPU, for all tests that end what they start."""
    room = Room("memory", image_facts)
    try:
        room.configure(fixed_gpus=[{"count": 1}])
        server = Server(room)
        yield server
        assert server.terminate() == 0
    finally:
        room.close()


@pytest.fixture
def shell(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    enter(server.room, monkeypatch)
    return Shell(server, capsys)


def test_a_kernel_from_start_to_stop(shell: Shell) -> None:
    torch = shell.environment("--gpus", "1")
    begun = shell("start", torch)
    assert begun.status == 0, begun.err
    lines = dict(line.split(None, 1) for line in begun.out.splitlines()[:2])
    assert begun.err.splitlines()[-1].endswith(": running.")
    launch = shell.json("launches")["launches"][0]  # the latest comes first
    validate("Launch", launch)
    assert (launch["id"], launch["kernel_id"]) == (lines["launch"], lines["kernel"])
    assert (launch["phase"], launch["server"]) == ("running", shell.url)
    title, row = shell("launches").out.splitlines()[:2]
    assert title.split() == ["LAUNCH", "KERNEL", *title.split()[2:]]
    assert row.startswith(f"{launch['id'][:8]}  {launch['kernel_id'][:8]}  ")
    whole = shell("launches", launch["kernel_id"][:8]).out
    assert re.search(r"^ +\S+Z  running$", whole, re.MULTILINE)
    kept = shell("keep-alive", launch["id"][:8])
    assert (kept.status, kept.out.endswith(" is kept.\n")) == (0, True)
    refused = shell("cancel", launch["id"][:8])
    assert refused.status == 1
    assert f"hint: jupyter gpu-containers stop {launch['kernel_id']}" in refused.err
    # its GPU is not free for another
    busy = shell("start", torch, "--no-wait", "--json")
    assert (busy.status, busy.json["code"]) == (4, "gpus_busy")
    assert shell("start-on-cpu", launch["id"]).status == 1
    shell.server.cancel(launch["id"])  # `stop` asks the engine, which this one shows to nobody
    assert "cancelled" in shell("launches").out


def test_gpus_by_index_or_uuid(shell: Shell) -> None:
    """As the server's machine names them; the environment's own number does not count."""
    torch = shell.environment("--gpus", "0")
    (uuid,) = [gpu["uuid"] for gpu in shell.json("gpus")["gpus"]]
    for words in (["--gpus", "device=0"], ["--gpus", f"device={uuid}"], ["--gpu", uuid[:12]]):
        launch = shell.json("start", torch, *words)
        assert launch["gpus"] == [uuid]
        shell.server.cancel(launch["id"])
    for words, code in (
        (["--gpus", "device=1"], "no_such_gpu"),
        (["--gpus", "1", "--gpu", "GPU-nowhere"], "no_such_gpu"),
        (["--gpus", "2", "--gpu", "0"], "invalid_request"),
    ):
        refused = shell("start", torch, *words, "--json")
        assert (refused.status, refused.json["code"]) == (1, code)


def test_what_an_environment_would_pass_over_is_refused(shell: Shell) -> None:
    """Who types `--gpus 2` is not to have one."""
    torch = shell.environment("--gpus", "1")
    before = shell.json("launches")["launches"]
    for words in (["--gpus", "0"], ["--memory", "1g"], ["--gpu-profile", "1g.10gb"], ["--pull"]):
        refused = shell("start", torch, *words)
        assert refused.status == 1
        assert f"error: {words[0]} goes with --image alone" in refused.err
    assert shell.json("launches")["launches"] == before


def test_launches_that_wait(shell: Shell) -> None:
    holder = shell.json("start", "--image", MEMORY_IMAGE, "--gpus", "1")
    waits = [
        shell.json("start", "--image", MEMORY_IMAGE, "--gpus", "1", "--detach")["id"]
        for _ in range(2)
    ]
    for one in waits:
        shell.server.reached(one, "waiting")
    shell.server.until(lambda: "waiting, 1 of 2" in shell("launches").out)
    cancelled = shell("cancel", waits[1])
    assert (cancelled.status, cancelled.out.endswith(": cancelled.\n")) == (0, True)
    assert shell("cancel", waits[1]).status == 0  # it is so already
    ran = shell("start-on-cpu", waits[0][:8])
    assert (ran.status, ran.out.endswith(" starts now.\n")) == (0, True)
    shell.server.reached(waits[0], "running")
    shell.server.cancel(waits[0])
    shell.server.cancel(holder["id"])


def test_jobs(shell: Shell) -> None:
    assert shell.json("jobs")["jobs"] == []  # this test alone has some
    missing = shell("jobs", "0123")
    assert (missing.status, missing.err.splitlines()[0]) == (1, "error: There is no job “0123”.")
    job = shell.server.ask(
        "POST", "/gpu-containers/jobs", {"kind": "pull", "reference": "python:3.13"}
    )
    ran = shell("cancel", job["id"][:8])
    state = shell.json("jobs", job["id"][:8])["state"]
    assert (ran.status, ran.out) == (0, f"pull {job['reference']}: {state}.\n")
    (model,) = shell.json("jobs")["jobs"]
    validate("Job", model)
    assert model["id"][:8] in shell("jobs").out
    assert shell("jobs", job["id"]).out.startswith(f"pull {job['reference']}: {state}")


def test_status_and_spares(shell: Shell) -> None:
    model = shell.json("status")
    validate("Status", model)
    (one,) = model["servers"]
    assert (one["url"], one["pid"]) == (shell.url, shell.server.process.pid)
    assert f"server   {shell.url}\n" in shell("status").out
    assert "spare_kernels is off" in shell("spares").out
    (spares,) = shell.json("spares")["servers"]
    validate("Spares", spares)
    assert shell("spares", "--give-up").out == "Gave 0 containers up.\n"


def test_an_address_and_its_token(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token it is what the server has written down; a wrong one is not let in."""
    url, token = shell.server.url, shell.server.token
    for address in (url, f"{url}/lab", f"{url}/?token={token}"):
        (server,) = running_servers(address)
        assert (server.url, server.token) == (f"{url}/", token)
        assert token not in repr(server)
    monkeypatch.setenv("JUPYTER_TOKEN", "wrong")
    refused = shell("jobs", "--server", url, "--json")
    assert (refused.status, refused.json["code"]) == (1, "server_login_needed")
    assert "JUPYTER_TOKEN" in refused.json["hint"]
    monkeypatch.delenv("JUPYTER_TOKEN")
    assert shell("jobs", "--server", url).status == 0


def test_without_a_server(terminal: Terminal) -> None:
    for command in ("launches", "jobs", "spares"):
        ran = terminal(command)
        assert (ran.status, ran.err.splitlines()[0]) == (
            1,
            "error: No Jupyter server of yours runs here.",
        )
    assert "none of yours runs here" in terminal("status").out
    away = terminal("jobs", "--server", "http://127.0.0.1:9/", "--json")
    assert (away.status, away.json["code"]) == (1, "server_unreachable")
    with pytest.raises(GpuContainersError, match="not the address of a server"):
        running_servers("localhost:8888")


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "server_without_extension"), (302, "server_login_needed"), (500, "server_unreachable")],
)
def test_servers_that_are_something_else(terminal: Terminal, status: int, code: str) -> None:
    """A redirection is not followed: the token is for this server alone."""
    asked: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/base/"
        ran = terminal("jobs", "--server", url, "--json")
        server.shutdown()
        thread.join()
    assert (ran.status, ran.json["code"]) == (1, code)
    assert asked == ["/base/gpu-containers/jobs"]


def test_limits_and_registries(terminal: Terminal) -> None:
    terminal.configure(memory="8g", max_gpus_per_kernel=1)
    model = terminal("limits", "--json").json
    validate("Limits", model)
    assert model["memory"]["default"] == 8 << 30
    title, memory, _, gpus, *_ = terminal("limits").out.splitlines()
    assert title.split() == ["OF", "A", "KERNEL", "DEFAULT", "AT", "MOST"]
    assert memory.split()[:3] == ["memory", "8", "GB"]
    assert gpus.split()[0] == "GPUs"
    assert "There is no login" in terminal("registries").out
    assert terminal("registries", "--json").json == {"registries": []}


def test_environments_with_some_of_the_data_mounts(terminal: Terminal, tmp_path: Path) -> None:
    terminal.configure(data_mounts={"data": f"{tmp_path}:ro", "more": f"{tmp_path}/work:ro"})
    ran = terminal("environments", "add", MEMORY_IMAGE, "--name", "mine", "--mount", "data")
    assert ran.status == 0, ran.err
    text = terminal("environments", "show", "mine").out
    assert re.search(r"^data mounts +data$", text, re.MULTILINE)
    assert "more" in terminal("limits").out
    unknown = terminal("environments", "add", MEMORY_IMAGE, "--mount", "other", "--json")
    assert (unknown.status, unknown.json["code"]) == (1, "data_mount_unknown")


def test_environments_show(terminal: Terminal) -> None:
    terminal("environments", "add", MEMORY_IMAGE, "--name", "mine", "--idle-timeout", "2h")
    text = terminal("environments", "show", "mine").out
    assert re.search(r"^may be idle +7200 s$", text, re.MULTILINE)
    model = terminal("environments", "show", "mine", "--json").json
    validate("Environment", model)
    assert terminal("environments", "show", "other").status == 1
