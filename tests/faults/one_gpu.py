"""An engine of a test's own on a machine with one GPU, and servers that end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.engine import HookEngine
from tests.doubles.nvml import fake_driver, uuid_of
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server


@contextmanager
def one_gpu_engine(room: Room, source: str, folder: Path, **config: Any) -> Iterator[HookEngine]:
    """Start an engine, lead the room and this process to it; the room must leave nothing on it.

    Parameters
    ----------
    room : Room
    source : str
        Address of the engine that has the image.
    folder : Path
        For the fake driver.
    config : dict
        Of the engine's `daemon.json`.
    """
    engine = HookEngine(fake_driver(folder, "h200"))
    engine.config.update(config)
    with pytest.MonkeyPatch.context() as monkeypatch:
        try:
            engine.begin_with(ENGINE_IMAGE, source=source)
            engine.start()
            monkeypatch.setenv("DOCKER_HOST", engine.host)
            room.configure(fixed_gpus=[{"uuid": uuid_of("h200", "gpu0"), "minor_number": 0}])
            yield engine
            assert room.containers() == []
        finally:
            monkeypatch.undo()
            engine.remove()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Servers that a test starts; those that still live are ended with it."""
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.terminate()


def gpu(server: Server) -> Any:
    """Return the one GPU as a server tells it."""
    [found] = server.ask("GET", "/gpu-containers/gpus")["gpus"]
    return found
