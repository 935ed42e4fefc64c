"""The GPUs of this host as the NVIDIA driver tells them, asked from one thread of their own.

NVML blocks: the first question after boot takes seconds per GPU without persistence mode, and a
sick driver may never answer. So no event loop's thread ever calls it, a burst of questions asks
the driver once, and who asks gets the last known state when an answer takes too long.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import replace

from jupyter_gpu_containers.model.gpu.device import GpuSnapshot, Problem
from jupyter_gpu_containers.ports import GpuInventory

from .processes import with_containers, without_ended

log = logging.getLogger(__name__)


class NvmlInventory(GpuInventory):
    """GPUs through NVML (package ``nvidia-ml-py``, module ``pynvml``).

    May be used from any thread and event loop.

    Parameters
    ----------
    max_age : float
        Seconds for which an answer is given again without asking the driver.
    timeout : float
        Seconds that the driver may take for an answer.
    first_timeout : float
        Seconds that it may take for the first one, which wakes GPUs up.
    """

    def __init__(
        self, *, max_age: float = 1.0, timeout: float = 3.0, first_timeout: float = 30.0
    ) -> None:
        self._max_age = max_age
        self._timeout = timeout
        self._first_timeout = first_timeout
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Future[GpuSnapshot] | None] | None = None
        self._thread: threading.Thread | None = None
        self._asked_at = self._answered_at = 0.0  # monotonic
        self._answer: Future[GpuSnapshot] | None = None  # newest, perhaps not there yet
        self._last: GpuSnapshot | None = None

    async def snapshot(self) -> GpuSnapshot:
        """Read all GPUs; see `GpuInventory.snapshot`.

        When the driver takes too long, the last known GPUs with the problem ``nvml_slow``.
        """
        answer, patience = self._ask()
        if answer.done():
            return without_ended(answer.result())
        try:
            snapshot = await asyncio.wait_for(asyncio.wrap_future(answer), patience)
        except asyncio.TimeoutError:
            snapshot = self._slow()
        return without_ended(snapshot)

    def close(self) -> None:
        """End the thread and shut NVML down. Does not wait for a driver that hangs."""
        with self._lock:
            thread, requests = self._thread, self._requests
            self._thread = self._requests = self._answer = self._last = None
        if thread and requests:
            requests.put(None)
            thread.join(timeout=1.0)

    def _ask(self) -> tuple[Future[GpuSnapshot], float]:
        """Return the newest answer or ask for one, and how long to wait for it, in seconds."""
        with self._lock:
            now = time.monotonic()
            if self._answer is None or (
                self._answer.done() and now - self._answered_at > self._max_age
            ):
                self._answer = Future()
                # running from now on: whoever gives up waiting cannot cancel it for the others
                self._answer.set_running_or_notify_cancel()
                self._asked_at = now
                self._queue().put(self._answer)
            patience = self._first_timeout if self._last is None else self._timeout
            return self._answer, max(0.0, self._asked_at + patience - now)

    def _queue(self) -> queue.SimpleQueue[Future[GpuSnapshot] | None]:
        if self._requests is None:
            self._requests = queue.SimpleQueue()
            # a daemon thread: a driver that hangs must not keep the server from ending
            self._thread = threading.Thread(
                target=self._work, args=(self._requests,), name="gpu-containers-nvml", daemon=True
            )
            self._thread.start()
        return self._requests

    def _work(self, requests: queue.SimpleQueue[Future[GpuSnapshot] | None]) -> None:
        reader = None
        for answer in iter(requests.get, None):
            try:
                if reader is None:
                    from .nvml_reader import NvmlReader  # here: a server may never need pynvml

                    reader = NvmlReader()
                snapshot = with_containers(reader.read())
            except Exception as error:
                log.exception("Reading the GPUs failed")
                problem = Problem(
                    "nvml_error",
                    f"The GPUs could not be read: {type(error).__name__}: {error}.",
                    "The Jupyter server's log has the details; please report them.",
                )
                snapshot = GpuSnapshot(problem=problem)
            with self._lock:
                if self._requests is requests:
                    self._last, self._answered_at = snapshot, time.monotonic()
            answer.set_result(snapshot)
        if reader is not None:
            reader.close()

    def _slow(self) -> GpuSnapshot:
        with self._lock:
            last, waited = self._last, time.monotonic() - self._asked_at
        problem = Problem(
            "nvml_slow",
            f"The NVIDIA driver has not answered for {waited:.0f} s"
            + ("." if last is None else "; this is what it said before."),
            "See whether `nvidia-smi` answers; if it hangs, too, reboot this machine. "
            "Persistence mode (`sudo nvidia-smi -pm 1`) makes the first answer fast.",
        )
        return replace(last or GpuSnapshot(), problem=problem, stale=True)
