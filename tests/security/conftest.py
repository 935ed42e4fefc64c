"""Rooms, and the engine with NVIDIA's hook, where there are eight GPUs to take."""

from tests.gpus.conftest import _hook_engine, hook_engine, hook_rig
from tests.room_fixtures import any_room, engine_room, image_facts, memory_room

__all__ = [
    "_hook_engine",
    "any_room",
    "engine_room",
    "hook_engine",
    "hook_rig",
    "image_facts",
    "memory_room",
]
