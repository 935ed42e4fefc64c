"""A machine whose Jupyter server ended, and what there is of its kernel; with the fixture."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.errors import EngineUnreachableError, GpuContainersError
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import Container, ContainerSpec, ContainerStatus
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.launch import Caller, Launch, Phase, Policy, Seat
from jupyter_gpu_containers.model.kernel.record import KernelRecord, SessionRow
from jupyter_gpu_containers.service.kernel.claims import Claims
from jupyter_gpu_containers.service.kernel.kernels import KernelContainer, Kernels
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.kernel.seats import Seats
from jupyter_gpu_containers.service.recovery import reattach
from jupyter_gpu_containers.service.recovery.reattach import Reattach
from jupyter_gpu_containers.service.recovery.reconcile import Reconciler
from jupyter_gpu_containers.service.recovery.records import Records
from jupyter_gpu_containers.service.recovery.signing import Signer

__all__ = [
    "machine",
]

ME = Caller(os.getuid(), os.getgid(), "ada")
KERNEL = "3f0a6f4e-3e43-4b6c-9a54-1f3f8a7b0c11"
SERVER = "s-0"
DEAD = str(replace(Owner.current(), start_time="1"))
REBOOTED = str(replace(Owner.current(), boot="before"))
SIGNER = Signer(b"k" * 64)
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}
ENVIRONMENT = Environment(
    "torch", "Torch", "torch:1", DEMO_IMAGES[0].id, ImageKernel("python3", "P", "python", ("x",))
)


class Engine(MemoryBackend):
    """An engine that can be away, and whose containers can be said to be in another state."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store=store)
        self.away = False
        self.asked = asyncio.Event()
        self.status: ContainerStatus | None = None

    async def containers(self, label: str) -> list[Container]:
        self.asked.set()
        if self.away:
            raise EngineUnreachableError("away")
        found = await super().containers(label)
        return [replace(one, status=self.status) for one in found] if self.status else found

    async def remove(self, container_id: str) -> None:
        if self.away:
            raise EngineUnreachableError("away")
        await super().remove(container_id)


class Told:
    """What `Launches` is told; the launches themselves are tested elsewhere."""

    def __init__(self) -> None:
        self.recovered: list[str] = []
        self.answering: list[str] = []
        self.failed: dict[str, str] = {}
        self.waiting: dict[str, Launch] = {}  # restored from the queue's file

    def on_change(self, listener: Callable[[Launch], None]) -> None:
        """Remember who listens: here the tests themselves tell of launches."""
        self.tell = listener

    def find(self, launch_id: str) -> Launch | None:
        return self.waiting.get(launch_id)

    def recover(self, launch: Launch) -> None:
        self.recovered.append(launch.id)

    def found(self, launch_id: str) -> None:
        self.answering.append(launch_id)

    def fail(self, kernel_id: str, error: GpuContainersError) -> None:
        self.failed[kernel_id] = error.error_code

    def lost(self, launch: Launch, why: Problem) -> None:
        self.failed[launch.id] = why.code
        self.tell(launch.advance(Phase.FAILED, 2.0, error=why))


@dataclass
class Jupyter:
    """The managers' side: keeps what it is given."""

    kernels: dict[str, KernelContainer] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    discarded: list[str] = field(default_factory=list)

    def adopt(
        self, record: KernelRecord, found: Coroutine[Any, Any, KernelContainer]
    ) -> asyncio.Task[None]:
        self.listed.add(record.kernel_id)
        return asyncio.ensure_future(self._join(record.kernel_id, found))

    async def _join(self, kernel_id: str, found: Coroutine[Any, Any, KernelContainer]) -> None:
        try:
            self.kernels[kernel_id] = await found
        except GpuContainersError:
            self.listed.discard(kernel_id)

    def discard(self, kernel_id: str) -> None:
        self.discarded.append(kernel_id)


class Machine:
    """A machine on which a server has died."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.engine = Engine(self.store)
        self.told, self.jupyter = Told(), Jupyter()
        self.before = Records(folder / "kernels")
        self.records = Records(folder / "kernels")
        inventory = FixedInventory([{"count": 1}])
        self.reconciler = Reconciler(self.engine, signer=SIGNER)
        self.reconciler.server = SERVER
        self.claims = Claims(self.engine, inventory, reconciler=self.reconciler)
        self.seats = self.new_seats()
        self.kernels = Kernels(self.engine, self.claims, self.seats, Policy())
        self.reattach = Reattach(  # with the grace of a server: a busy machine is no silent kernel
            self.engine,
            inventory,
            self.reconciler,
            self.kernels,
            self.told,  # type: ignore[arg-type]
            self.records,
        )
        self.context = zmq.Context()
        self.threads: list[threading.Thread] = []
        self.silent: list[zmq.Socket[bytes]] = []
        self.sockets: list[socket.socket] = []

    def new_seats(self) -> Seats:
        return Seats(run_root=self.folder / "r", home_root=self.folder / "homes", caller=ME)

    def seat(self) -> Seat:
        """Folders as the server that died has left them."""
        taken = self.new_seats().take(KERNEL, working_dir="/tmp", env={}, own_env={})
        for folder in (taken.run_dir, os.path.dirname(taken.home_dir)):
            Path(folder, "owner").write_text(f"{DEAD}\n{KERNEL}")
        return replace(taken, owner=DEAD, server=SERVER)

    async def container(self, *, owner: str = DEAD, run: bool = True, key: Signer = SIGNER) -> str:
        text = labels.make_labels(
            purpose="kernel", owner=owner, user="ada", kernel_id=KERNEL, server=SERVER
        )
        spec = ContainerSpec(
            DEMO_IMAGES[0].id, ("sleep", "1000"), "c", f"{ME.uid}:{ME.gid}", "/", text
        )
        container_id = await self.engine.create(key.signed(spec))
        if run:
            await self.engine.start(container_id)
        return container_id

    def record(self, seat: Seat, container_id: str, **more: Any) -> KernelRecord:
        launch = Launch(KERNEL, path="n.ipynb", kernel_id=KERNEL).advance(Phase.RUNNING, 1.0)
        connection = {"transport": "ipc", "ip": f"{seat.run_dir}/k", "key": "secret", **PORTS}
        record = KernelRecord(
            KERNEL,
            SERVER,
            ENVIRONMENT,
            seat,
            launch,
            connection,
            container_id,
            sessions=(SessionRow("s1", "n.ipynb", "n.ipynb", "notebook"),),
        )
        record = replace(record, **more)
        self.before.put(record)
        return record

    def listen(self, seat: Seat, *, answer: bool = True) -> None:
        """Be the kernel: its sockets, and its heartbeat."""
        for port in (1, 2, 3, 5):
            self.sockets.append(one := socket.socket(socket.AF_UNIX))
            one.bind(f"{seat.run_dir}/k-{port}")
        beat = self.context.socket(zmq.REP)
        beat.bind(f"ipc://{seat.run_dir}/k-4")

        def echo() -> None:
            with beat, contextlib.suppress(zmq.ContextTerminated):
                while True:
                    beat.send(beat.recv())

        if answer:
            self.threads.append(thread := threading.Thread(target=echo))
            thread.start()
        else:
            self.silent.append(beat)

    def close(self) -> None:
        """End what stands in for kernels."""
        for one in self.sockets:
            one.close()
        for beat in self.silent:
            beat.close()
        self.context.term()
        for thread in self.threads:
            thread.join()
        self.store.kill_all()

    async def alive(self, *, answer: bool = True, **more: Any) -> KernelRecord:
        """A kernel that runs, recorded."""
        seat = self.seat()
        record = self.record(seat, await self.container(), **more)
        self.listen(seat, answer=answer)
        return record

    def come_back(self) -> None:
        self.reattach.begin(self.jupyter)

    async def settled(self) -> None:
        while self.reattach._tasks:
            await asyncio.wait(self.reattach._tasks)

    def left(self) -> list[str]:
        """What there still is of the kernel."""
        places = [self.folder / name for name in ("r", "homes", "kernels")]
        return [*self.store.records, *(str(one) for place in places for one in place.glob("*"))]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(reattach, "RETRY", 0.01)
    monkeypatch.setattr(reattach, "LOOK", 0.01)
    machine = Machine(tmp_path)
    yield machine
    machine.close()
