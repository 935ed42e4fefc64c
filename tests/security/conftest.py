"""The engine with NVIDIA's hook, and eight GPUs to take from it."""

from tests.gpus.conftest import _hook_engine, hook_engine, hook_rig

__all__ = ["_hook_engine", "hook_engine", "hook_rig"]
