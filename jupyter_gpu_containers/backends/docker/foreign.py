"""Finds containers of others that have GPUs; each is looked at once in its life."""

from __future__ import annotations

import threading

from jupyter_gpu_containers.errors import ContainerNotFoundError
from jupyter_gpu_containers.model.gpu.foreign import ForeignContainer, asked_devices
from jupyter_gpu_containers.model.kernel import labels

from .client import EngineClient
from .errors import translated
from .facts import OVER, container_from_list


class ForeignContainers:
    """What containers of others asked for: it never changes, so it is remembered by id."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def find(self, client: EngineClient) -> list[ForeignContainer]:
        """List those with GPUs that are not over. Raises what the engine's requests raise."""
        rows = [container_from_list(row) for row in client.containers(all=True)]
        found = []
        for row in rows:
            if labels.VERSION not in row.labels and row.status not in OVER:
                devices = self._devices(client, row.id)
                if devices:
                    found.append(ForeignContainer(row.id, row.name, devices))
        present = {row.id for row in rows}
        with self._lock:
            self._known = {key: value for key, value in self._known.items() if key in present}
        return found

    def _devices(self, client: EngineClient, container_id: str) -> frozenset[str]:
        with self._lock:
            known = self._known.get(container_id)
        if known is not None:
            return known
        try:
            with translated(container_id):
                devices = asked_devices(client.inspect_container(container_id))
        except ContainerNotFoundError:  # it went meanwhile
            return frozenset()
        with self._lock:
            self._known[container_id] = devices
        return devices
