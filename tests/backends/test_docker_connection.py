"""Where the engine listens, and what is said when it does not answer as it should."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.backends.docker import client as docker_client
from jupyter_gpu_containers.backends.docker import requests as engine_requests
from jupyter_gpu_containers.backends.docker.client import find_engine
from jupyter_gpu_containers.errors import (
    EngineError,
    EngineUnreachableError,
    RegistryError,
)
from tests.backends.conftest import TIMEOUT
from tests.backends.sockets import StubEngine

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24", "Arch": "amd64"}
ROOT = Path(__file__).resolve().parents[2]


def listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    return sock


# -- where it listens --------------------------------------------------------------------------


def test_docker_host_comes_first() -> None:
    assert find_engine({"DOCKER_HOST": "tcp://far:2375"}) == "tcp://far:2375"


def test_first_socket_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="jgc-") as folder:
        monkeypatch.setattr(docker_client, "SYSTEM_SOCKETS", (f"{folder}/a", f"{folder}/b"))
        environ = {"XDG_RUNTIME_DIR": f"{folder}/run"}
        assert find_engine(environ) is None
        with listen(Path(folder) / "b"):
            assert find_engine(environ) == f"unix://{folder}/b"
            with listen(Path(folder) / "run/podman/podman.sock"):
                assert find_engine(environ) == f"unix://{folder}/run/podman/podman.sock"
                with listen(Path(folder) / "run/docker.sock"):
                    assert find_engine(environ) == f"unix://{folder}/run/docker.sock"
                    with listen(Path(folder) / "a"):
                        assert find_engine(environ) == f"unix://{folder}/a"


# -- nobody, or not for us ---------------------------------------------------------------------


def ask(backend: DockerBackend) -> None:
    try:
        asyncio.run(backend.info())
    finally:
        backend.close()


def test_no_socket_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(docker_client, "SYSTEM_SOCKETS", ("/nowhere/docker.sock",))
    with pytest.raises(EngineUnreachableError, match="sudo systemctl start docker"):
        ask(DockerBackend())


def test_socket_that_does_not_exist() -> None:
    with pytest.raises(EngineUnreachableError, match=r"/nowhere/docker\.sock"):
        ask(DockerBackend("unix:///nowhere/docker.sock"))


def test_socket_that_a_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """To start this machine's own engine would not help."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(EngineUnreachableError, match=r"unset DOCKER_HOST"):
        ask(DockerBackend())


def test_socket_of_an_engine_that_has_died(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="jgc-") as folder:
        path = Path(folder) / "docker.sock"
        listen(path).close()
        with pytest.raises(EngineUnreachableError):
            ask(DockerBackend(f"unix://{path}"))


def test_address_that_is_none() -> None:
    with pytest.raises(EngineUnreachableError, match="DOCKER_HOST"):
        ask(DockerBackend("carrier-pigeon://coop"))


ASK_AS_NOBODY = """
import asyncio, os, sys
from jupyter_gpu_containers.backends.docker import DockerBackend
from jupyter_gpu_containers.errors import EnginePermissionError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
backend = DockerBackend(sys.argv[1])
try:
    asyncio.run(backend.info())
except EnginePermissionError as exc:
    print(exc)
"""


def say_as_nobody(url: str) -> str:
    command = [sys.executable, "-c", ASK_AS_NOBODY, url]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.engine
@pytest.mark.root
def test_socket_that_refuses_this_user(engine_host: str) -> None:
    """Debian's engine gives its socket to the group docker only."""
    said = say_as_nobody(engine_host)
    assert 'sudo usermod -aG docker "$USER"' in said
    assert engine_host.removeprefix("unix://") in said


# -- answers that do not fit -------------------------------------------------------------------


def test_engine_that_is_too_old() -> None:
    with (
        StubEngine({"/version": VERSION | {"ApiVersion": "1.40"}}).serve() as stub,
        pytest.raises(EngineError, match=r"1\.40; 1\.41 is needed"),
    ):
        ask(DockerBackend(stub.url))


def test_something_else_listens_there() -> None:
    with (
        StubEngine({"/version": {"hello": "world"}}).serve() as stub,
        pytest.raises(EngineError, match="ApiVersion"),
    ):
        ask(DockerBackend(stub.url))


def test_engine_that_accepts_and_never_answers() -> None:
    with (
        StubEngine({"/version": VERSION}).serve() as stub,
        pytest.raises(EngineUnreachableError, match="in time"),
    ):
        ask(DockerBackend(stub.url, timeout=1))


def test_engine_that_fails() -> None:
    refusal = (500, {"message": "database is locked"})
    with (
        StubEngine({"/version": VERSION, "/info": refusal}).serve() as stub,
        pytest.raises(EngineError, match="database is locked"),
    ):
        ask(DockerBackend(stub.url))


async def test_a_removal_whose_end_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's, which the engine's answer says is going on, ends before it is waited for."""
    monkeypatch.setattr(engine_requests, "AGAIN", 0.1)
    container = "/containers/c1"
    answers: dict[str, Any] = {"/version": VERSION, container: (409, {"message": "in progress"})}
    with StubEngine(answers, {f"{container}/wait": {}}).serve() as stub:
        backend = DockerBackend(stub.url)
        removal = asyncio.ensure_future(backend.remove("c1"))
        assert await asyncio.to_thread(stub.streaming.wait, TIMEOUT)
        answers[container] = (404, {"message": "no such container"})
        await asyncio.wait_for(removal, TIMEOUT)
        backend.close()


# -- pulls -------------------------------------------------------------------------------------


def stub_of_pull(answer: Any, *, stream: bool = False) -> StubEngine:
    path = "/images/create"
    if stream:
        return StubEngine({"/version": VERSION}, {path: answer})
    return StubEngine({"/version": VERSION, path: answer})


@pytest.mark.parametrize("what", ["pull", "push"])
async def test_cancelled_transfer_hangs_up(what: str) -> None:
    """The engine stops its work when nobody reads its stream any more."""
    path = {"pull": "/images/create", "push": "/images/some/image/push"}[what]
    with StubEngine({"/version": VERSION}, {path: {"status": "Begun"}}).serve() as stub:
        backend = DockerBackend(stub.url)
        task = asyncio.ensure_future(getattr(backend, what)("some/image:1"))
        assert await asyncio.to_thread(stub.streaming.wait, TIMEOUT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(stub.hung_up.wait, TIMEOUT)
        backend.close()


async def test_error_in_the_middle_of_a_pull() -> None:
    line = {"error": "unauthorized: authentication required"}
    with stub_of_pull(line, stream=True).serve() as stub:
        backend = DockerBackend(stub.url)
        with pytest.raises(RegistryError, match="docker login"):
            await backend.pull("some/image:1")
        backend.close()


async def test_registry_that_refuses_at_once() -> None:
    answer = (404, {"message": "pull access denied for some/image"})
    with stub_of_pull(answer).serve() as stub:
        backend = DockerBackend(stub.url)
        with pytest.raises(RegistryError, match="pull access denied"):
            await backend.pull("some/image:1")
        backend.close()
