"""Containers that are records, with local processes in their place: `MemoryBackend`."""

from .backend import MemoryBackend
from .store import MemoryStore

__all__ = ["MemoryBackend", "MemoryStore"]
