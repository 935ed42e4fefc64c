"""Facts about ends that a real engine tells, or that are seen beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import APIClient

from jupyter_gpu_containers.backends.docker import access, alive
from jupyter_gpu_containers.backends.docker.client import connect
from jupyter_gpu_containers.backends.docker.facts import usage_from_stats
from jupyter_gpu_containers.backends.docker.transport import EngineAdapter
from jupyter_gpu_containers.errors import ContainerNotFoundError
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.model.kernel.usage import ContainerUsage, UsageSource
from jupyter_gpu_containers.runtime.cgroup import LastCounters
from tests.backends.conftest import TIMEOUT, Bench

MIB = 1 << 20
HOLD = "import time; time.sleep(600)"


async def ended(bench: Bench, container_id: str) -> ContainerExit:
    end = bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    return await asyncio.wait_for(asyncio.wrap_future(end), TIMEOUT)


async def counted(
    bench: Bench, code: str, *wanted: str, **changes: object
) -> tuple[ContainerExit, ContainerUsage]:
    """Run code until the counters of its end could be read, all that are wanted.

    They are gone some milliseconds after it, which may be too soon for a loaded machine.
    """
    for _ in range(10):
        container_id = await bench.create(f"import time; time.sleep(0.3)\n{code}", **changes)
        exited = await ended(bench, container_id)
        usage = exited.usage
        if usage is not None and all(getattr(usage, name) is not None for name in wanted):
            assert usage.final
            assert usage.source is UsageSource.CGROUP
            return exited, usage
    pytest.fail("the counters were never read in time")


async def held(bench: Bench, code: str, **changes: object) -> str:
    """Start a container and return when its code runs."""
    ready = bench.pipe()
    code = f"open({str(ready)!r}, 'w').close()\n{code}"
    container_id = await bench.create(code, mounts=bench.mounts, **changes)
    bench.backend.watch(container_id)
    await bench.backend.start(container_id)
    await ready.read()
    return container_id


@pytest.mark.engine
async def test_peak_of_memory_at_the_end(docker: Bench) -> None:
    eat = "x = b'x' * (40 << 20)\nimport sys; sys.exit(3)"
    exited, usage = await counted(docker, eat, "memory_limit", "memory_peak", memory=256 * MIB)
    assert exited == ContainerExit(3)
    assert exited.finished > 1.7e9
    assert usage.memory_limit == 256 * MIB
    assert usage.memory_peak is not None
    assert 40 * MIB < usage.memory_peak < 256 * MIB
    assert usage.oom_kills == 0


@pytest.mark.engine
async def test_kills_for_memory_are_counted(docker: Bench) -> None:
    exited, usage = await counted(docker, "x = b'x' * 10**9", "memory_peak", memory=64 * MIB)
    assert exited == ContainerExit(137, oom_killed=True)
    assert usage.oom_kills == 1
    assert usage.memory_peak is not None
    assert usage.memory_peak >= 60 * MIB


@pytest.mark.engine
async def test_processes_that_were_refused_are_counted(docker: Bench) -> None:
    code = """
import os, sys, time
refused = 0
for _ in range(30):
    try:
        if os.fork() == 0:
            time.sleep(600)
    except BlockingIOError:
        refused += 1
sys.exit(refused)
"""
    exited, usage = await counted(docker, code, "forks_refused", "pids_limit", pids_limit=20)
    assert exited.exit_code >= 11
    assert usage.forks_refused == exited.exit_code
    assert usage.pids_limit == 20


@pytest.mark.engine
async def test_counters_while_it_runs(docker: Bench) -> None:
    container_id = await held(docker, f"x = b'x' * (40 << 20)\n{HOLD}", memory=256 * MIB)
    usage = await docker.backend.usage(container_id)
    assert usage is not None
    assert not usage.final
    assert usage.memory_limit == 256 * MIB
    assert usage.pids is not None
    assert usage.pids >= 1
    await docker.backend.remove(container_id)
    assert await docker.backend.usage(container_id) is None


@pytest.mark.engine
async def test_counters_by_the_engine_alone(docker: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this process cannot see the container's processes."""
    monkeypatch.setattr(LastCounters, "follow", lambda *_: None)
    container_id = await held(docker, HOLD, memory=256 * MIB)
    usage = await docker.backend.usage(container_id)
    assert usage is not None
    assert usage.source is UsageSource.ENGINE
    assert usage.memory_limit == 256 * MIB
    assert usage.memory is not None
    assert usage.memory > 0
    assert usage.pids is not None
    assert usage.pids >= 1


@pytest.mark.engine
async def test_child_that_is_killed_is_told_at_once(docker: Bench) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    docker.backend.on_memory_kill(lambda who: loop.call_soon_threadsafe(told.put_nowait, who))
    container_id = await held(
        docker,
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"b'x' * 10**9\"])\n{HOLD}",
        memory=64 * MIB,
    )
    assert await asyncio.wait_for(told.get(), TIMEOUT) == container_id
    usage = await docker.backend.usage(container_id)
    assert usage is not None
    assert usage.oom_kills == 1


@pytest.mark.engine
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
async def test_a_signal_of_somebodys_is_not_the_engines(
    docker: Bench, signum: signal.Signals
) -> None:
    end = asyncio.wrap_future(docker.backend.watch(container_id := await held(docker, HOLD)))
    await docker.backend.signal(container_id, signum)
    assert await asyncio.wait_for(end, TIMEOUT) == ContainerExit(128 + signum)


@pytest.mark.engine
def test_an_engine_that_runs_takes_connections(engine_host: str) -> None:
    client = connect(engine_host, 10)
    assert alive.takes_connections(client)
    client.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    path = str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        yield server, path


@pytest.mark.parametrize("answer", [b"HTTP/1.0 500 No\r\n\r\n", b"", b"nonsense\r\n"])
def test_an_engine_that_answers_badly(listener: tuple[socket.socket, str], answer: bytes) -> None:
    server, path = listener
    server.listen()

    def serve() -> None:
        connection, _ = server.accept()
        connection.recv(100)
        connection.sendall(answer)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert not alive._ping(path, 5.0)
    thread.join()


def test_an_engine_that_stops_behind_systemds_socket(
    listener: tuple[socket.socket, str],
) -> None:
    """The connection is taken, and nobody answers it."""
    server, path = listener
    server.listen()
    with pytest.raises(TimeoutError):
        alive._ping(path, 0.05)


def test_an_engine_that_stopped(listener: tuple[socket.socket, str]) -> None:
    _, path = listener
    with pytest.raises(ConnectionRefusedError):
        alive._ping(path, 5.0)


def test_statistics_of_both_versions_of_control_groups() -> None:
    v1 = {"memory_stats": {"usage": 1, "max_usage": 2, "limit": 3}, "pids_stats": {"current": 4}}
    assert usage_from_stats(v1, 5.0) == ContainerUsage(
        UsageSource.ENGINE, at=5.0, memory=1, memory_peak=2, memory_limit=3, pids=4
    )
    v2 = {"memory_stats": {"usage": 1, "limit": 3}, "pids_stats": {"current": 4, "limit": 20}}
    assert usage_from_stats(v2, 5.0) == ContainerUsage(
        UsageSource.ENGINE, at=5.0, memory=1, memory_limit=3, pids=4, pids_limit=20
    )


def test_statistics_of_a_container_that_does_not_run() -> None:
    assert usage_from_stats({"memory_stats": {}, "pids_stats": {}}, 5.0) is None


def process(proc: Path, pid: int, name: str, ticks: int) -> None:
    (proc / str(pid)).mkdir(parents=True)
    before = "S 1 " + "0 " * 17
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {before}{ticks} 0 0\n")


@pytest.mark.parametrize(
    ("name", "pid_file", "known"),
    [
        ("dockerd", None, True),
        ("systemd", "4242", True),  # it holds the socket; the PID file names the engine
        ("systemd", "77", False),  # a PID file that an engine left, whose number is another's now
        ("systemd", "", False),
        ("systemd", None, False),
    ],
)
def test_when_the_engine_began(
    listener: tuple[socket.socket, str],
    tmp_path: Path,
    name: str,
    pid_file: str | None,
    known: bool,
) -> None:
    server, path = listener
    server.listen()
    proc, file = tmp_path / "proc", tmp_path / "docker.pid"
    process(proc, os.getpid(), name, 100)
    process(proc, 4242, "dockerd", 100)
    process(proc, 77, "sleep", 100)
    if pid_file is not None:
        file.write_text(pid_file)
    client = APIClient(f"unix://{path}", version="1.41")
    client.mount("http+docker://", EngineAdapter(path, 5))
    began = alive.began(client, proc, (file,))  # type: ignore[arg-type]
    client.close()
    if known:
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        assert abs(began - booted - 100 / os.sysconf("SC_CLK_TCK")) < 1
    else:
        assert began == 0


@pytest.mark.engine
def test_devices_that_may_not_be_opened_any_more(docker: Bench, engine_host: str) -> None:
    """A permission without "r" and "w" is what a reload of systemd's units leaves."""
    key, _, value = docker.label.partition("=")
    engine = connect(engine_host, 30)
    devices = ["/dev/null:/dev/nvidia0:rwm", "/dev/fuse:/dev/nvidia3:m"]
    container = engine.create_container(
        docker.reference,
        ["sleep", "600"],
        labels={key: value},
        network_disabled=True,
        host_config=engine.create_host_config(devices=devices),
    )
    engine.start(container["Id"])
    try:
        # 7 is not there at all, which is no matter of permissions
        assert access.refused_gpus(engine, container["Id"], {0, 3, 7}) == {3}
        assert access.refused_gpus(engine, container["Id"], ()) == frozenset()
    finally:
        engine.remove_container(container["Id"], force=True)
        engine.close()


@pytest.mark.engine
async def test_devices_of_a_container_that_is_gone(docker: Bench) -> None:
    container_id = await docker.create()
    await docker.backend.remove(container_id)
    with pytest.raises(ContainerNotFoundError):
        await docker.backend.refused_gpus(container_id, {0})


@pytest.mark.engine
async def test_devices_of_a_container_that_does_not_run(docker: Bench) -> None:
    assert await docker.backend.refused_gpus(await docker.create(), {0}) == frozenset()
