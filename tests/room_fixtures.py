"""Fixtures that give a test a room; to be imported by a conftest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import Room, enter

__all__ = ["any_room", "engine_room", "image_facts", "memory_room"]


@pytest.fixture(scope="session")
def image_facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was found out about images in this run."""
    return tmp_path_factory.mktemp("facts")


@pytest.fixture
def engine_room(image_facts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A room on the real engine; the test is marked `engine`."""
    yield from _room("docker", image_facts, monkeypatch)


@pytest.fixture
def memory_room(image_facts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A room on the memory backend."""
    yield from _room("memory", image_facts, monkeypatch)


@pytest.fixture(params=["memory", pytest.param("docker", marks=pytest.mark.engine)])
def any_room(
    request: pytest.FixtureRequest, image_facts: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Room]:
    """A room, once on the memory backend and once on the real engine."""
    yield from _room(request.param, image_facts, monkeypatch)


def _room(backend: str, facts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    room = Room(backend, facts)
    enter(room, monkeypatch)
    try:
        yield room
    finally:
        room.close()
