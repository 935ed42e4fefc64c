"""Another machine: an engine of its own that has nothing yet, JupyterLab, and the same registry."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.engines import PrivateEngine

from .server import LabServer, lab_server

_CLONE_NEWNET = 0x40000000


class Doorway:
    """Leads a private engine, whose network has only a loopback, to a server of this machine.

    Parameters
    ----------
    engine : PrivateEngine
        It runs already.
    host : str
        ``127.0.0.1:port``; the engine finds the server under the same address.
    """

    def __init__(self, engine: PrivateEngine, host: str) -> None:
        address, _, port = host.partition(":")
        self._server = (address, int(port))
        loopback = ("ip", "link", "set", "lo", "up")
        subprocess.run(["nsenter", f"--net={engine.network}", *loopback], check=True)
        with ThreadPoolExecutor(1) as other:  # a thread can be in another network than the rest
            self._door = other.submit(self._listen_in, engine.network).result()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let nobody in any more; who is in may stay until the registry ends."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._door.close()

    def _listen_in(self, network: str) -> socket.socket:
        namespace = os.open(network, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {network}")
        finally:
            os.close(namespace)
        return socket.create_server(self._server)  # it belongs to this network for good

    def _serve(self) -> None:
        with suppress(OSError):  # the door was closed
            while True:
                inside, _ = self._door.accept()
                threading.Thread(target=self._lead, args=(inside,), daemon=True).start()

    def _lead(self, inside: socket.socket) -> None:
        with inside, socket.create_connection(self._server) as outside:
            back = threading.Thread(target=_pump, args=(outside, inside))
            back.start()
            _pump(inside, outside)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # one side went away; the other is told
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def other_machine(folder: Path, host: str, runtimes: Path) -> Iterator[LabServer]:
    """Start JupyterLab on an engine of its own; needs root.

    Parameters
    ----------
    folder : Path
        For what JupyterLab writes.
    host : str
        ``127.0.0.1:port`` of a registry, which is there under the same address.
    runtimes : Path
        Kernels to be carried into images, which need not be fetched again.
    """
    engine = PrivateEngine()
    try:
        engine.start()
        config = {"engine_url": engine.host, "fixed_gpus": [], "network": "none"}
        doorway = Doorway(engine, host)
        try:
            with lab_server(folder, config={"GpuContainers": config}) as lab:
                ours = lab.data / "gpu_containers"
                ours.mkdir(exist_ok=True)
                (ours / "runtimes").symlink_to(runtimes)
                yield lab
        finally:
            doorway.close()
    finally:
        engine.remove()
