"""Files that are waited for: told when they come, and no sooner."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest
import zmq

from jupyter_gpu_containers.runtime.appearance import appears
from jupyter_gpu_containers.runtime.heartbeat import heartbeat

TIMEOUT = 20.0  # seconds


async def waiting(path: Path) -> asyncio.Task[bool]:
    """Begin to wait; return when the folder is watched."""
    task = asyncio.create_task(appears(str(path)))
    await asyncio.sleep(0)  # up to its first wait
    assert not task.done()
    return task


async def test_what_is_there_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "k").touch()
    assert await appears(str(tmp_path / "k")) is True
    (tmp_path / "link").symlink_to("nowhere")
    assert await appears(str(tmp_path / "link")) is True


async def test_a_socket_that_comes(tmp_path: Path) -> None:
    task = await waiting(tmp_path / "k")
    (tmp_path / "another").touch()
    os.rename(tmp_path / "another", tmp_path / "yet another")
    await asyncio.wait({task}, timeout=0.05)
    assert not task.done()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "k"))
        assert await asyncio.wait_for(task, TIMEOUT) is True


async def test_a_file_that_is_moved_there(tmp_path: Path) -> None:
    task = await waiting(tmp_path / "k")
    (tmp_path / "another").touch()
    os.rename(tmp_path / "another", tmp_path / "k")
    assert await asyncio.wait_for(task, TIMEOUT) is True


async def test_many_files_at_once(tmp_path: Path) -> None:
    """More events than one reading takes."""
    task = await waiting(tmp_path / "k")
    for number in range(1000):
        (tmp_path / f"{number:0200}").touch()
    (tmp_path / "k").touch()
    assert await asyncio.wait_for(task, TIMEOUT) is True


async def test_a_folder_that_goes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    task = await waiting(folder / "k")
    shutil.rmtree(folder)
    assert await asyncio.wait_for(task, TIMEOUT) is False
    assert await appears(str(folder / "k")) is False


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    task = await waiting(tmp_path / "k")
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert os.listdir("/proc/self/fd") == before


async def test_where_the_system_tells_nothing_the_heartbeat_is_tried_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        @staticmethod
        def inotify_init1(_flags: int) -> int:
            ctypes.set_errno(24)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Refusing)
    assert await appears(str(tmp_path / "k")) is False
    await answered(tmp_path / "k")


async def test_a_heartbeat_at_a_socket_of_an_earlier_run(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "k"))
    await answered(tmp_path / "k")


async def answered(path: Path) -> None:
    """Wait for a heart that begins to beat later."""
    task = asyncio.create_task(heartbeat(f"ipc://{path}"))
    await asyncio.sleep(0.05)
    assert not task.done()

    def beat() -> None:
        with zmq.Context() as context, context.socket(zmq.REP) as heart:
            heart.bind(f"ipc://{path}")
            heart.send(heart.recv())

    heart = threading.Thread(target=beat)
    heart.start()
    await asyncio.wait_for(task, TIMEOUT)
    heart.join()
