"""Which resources have changed: told once for many changes, at most once a second each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from jupyter_gpu_containers.model.change import EngineChange, Resource
from jupyter_gpu_containers.ports import ContainerBackend

INTERVAL = 1.0  # seconds between two words on the same resource

_TOUCHED = {
    EngineChange.IMAGES: (Resource.IMAGES, Resource.ENVIRONMENTS),  # one may have lost its image
    EngineChange.CONTAINERS: (Resource.GPUS,),
    EngineChange.CONNECTION: (Resource.STATUS, Resource.GPUS, Resource.IMAGES),
}


class Changes:
    """Gathers changes from all threads, and tells of them in the loop in which it was begun.

    The first change of a resource is told at once; what changes within a second of that is told
    together, at the end of it. Nothing is told before `begin` and after `close`.

    Parameters
    ----------
    interval : float
        Seconds.
    """

    def __init__(self, *, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: dict[Resource, float] = {}  # by the loop's clock
        self._due: dict[Resource, asyncio.TimerHandle] = {}
        self._listeners: list[Callable[[Resource], None]] = []

    def on_change(self, listener: Callable[[Resource], None]) -> None:
        """Call the listener, in the loop, when a resource has changed."""
        self._listeners.append(listener)

    def begin(self, backend: ContainerBackend) -> None:
        """Tell from now on, also of what the engine tells; in the loop that is to be used."""
        self._loop = asyncio.get_running_loop()
        backend.on_change(self._engine_changed)

    def close(self) -> None:
        """Tell no more."""
        self._loop = None
        for handle in self._due.values():
            handle.cancel()
        self._due.clear()

    def note(self, *resources: Resource) -> None:
        """Note that resources have changed; from any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                for resource in resources:
                    loop.call_soon_threadsafe(self._take, resource)

    def _engine_changed(self, change: EngineChange) -> None:
        self.note(*_TOUCHED[change])

    def _take(self, resource: Resource) -> None:
        loop = self._loop
        if loop is None or resource in self._due:
            return
        due = self._told.get(resource, float("-inf")) + self._interval
        if due <= loop.time():
            self._tell(resource)
        else:
            self._due[resource] = loop.call_at(due, self._tell, resource)

    def _tell(self, resource: Resource) -> None:
        if self._loop is None:
            return
        self._due.pop(resource, None)
        self._told[resource] = self._loop.time()
        for listener in self._listeners:
            listener(resource)
