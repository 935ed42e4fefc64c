"""What the memory backend keeps in an engine's place: images, containers, their processes."""

from __future__ import annotations

import atexit
import signal
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.image.image import Image
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import (
    Container,
    ContainerExit,
    ContainerSpec,
    ContainerStatus,
)

from .images import DEMO_IMAGES
from .process import Log, Process


@dataclass
class Record:
    """One container."""

    id: str
    spec: ContainerSpec
    created: float
    status: ContainerStatus = ContainerStatus.CREATED
    log: Log = field(default_factory=Log)
    process: Process | None = None
    runs: int = 0  # how often it was started
    reported: int = 0  # the last run whose end a future told
    exit: ContainerExit | None = None  # of the last run
    waiting: Future[ContainerExit] | None = None

    def take(self) -> Future[ContainerExit] | None:
        """Hand the waiting future over to the one who tells it how the last run ended."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            self.reported = self.runs
        return waiting

    def as_container(self) -> Container:
        """Return what a list shows."""
        return Container(
            id=self.id,
            name=self.spec.name,
            status=self.status,
            image=self.spec.image,
            labels=dict(self.spec.labels),
            created=self.created,
        )


class MemoryStore:
    """What an engine would keep. Several backends of one process may share one.

    All changes happen under one lock: a list after a create shows what was created.
    """

    def __init__(self, images: Iterable[Image] = DEMO_IMAGES) -> None:
        self.images = {image.id: image for image in images}
        self.pushed: dict[str, Image] = {}  # in registries, by familiar name
        self.lock = threading.RLock()
        self.records: dict[str, Record] = {}
        self.users = 0  # backends that are open
        self.listeners: list[Callable[[EngineChange], None]] = []
        _stores.add(self)

    def find(self, id_or_name: str) -> Record | None:
        """Return a container by its id or, as with an engine, by its name."""
        by_name = (r for r in self.records.values() if r.spec.name == id_or_name)
        return self.records.get(id_or_name) or next(by_name, None)

    def tell(self, change: EngineChange) -> None:
        """Tell the listeners of a change."""
        with self.lock:
            listeners = list(self.listeners)
        for listener in listeners:
            listener(change)

    def tell_of(self, spec: ContainerSpec) -> None:
        """Tell that a container like this was made or removed, if it has GPUs of ours."""
        if spec.labels.get(labels.GPUS):
            self.tell(EngineChange.CONTAINERS)

    def kill_all(self) -> None:
        """End every process; the records stay."""
        with self.lock:
            running = [r.process for r in self.records.values() if r.process is not None]
        for process in running:
            process.signal(signal.SIGKILL)
        for process in running:
            process.join()


_stores: weakref.WeakSet[MemoryStore] = weakref.WeakSet()


@atexit.register
def _kill_all() -> None:
    for store in list(_stores):
        store.kill_all()
