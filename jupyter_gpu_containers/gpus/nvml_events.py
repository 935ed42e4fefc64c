"""What NVML reports of GPUs that fail, read from an event set in a thread of its own.

``nvmlEventSetWait`` blocks, and a sick driver may never answer: a daemon thread waits, and whoever
is told must be quick. Where NVML is not there, goes away, or its library was exchanged, the thread
tries again later. Names and meanings are those of NVIDIA's NVML API reference.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind

log = logging.getLogger(__name__)

WAIT = 250  # milliseconds; after so long the thread looks whether it is to end
RETRY = 30.0  # seconds until NVML is tried again


class NvmlEvents:
    """Tells of events that are about health.

    Parameters
    ----------
    listener : callable
        Called in the thread with each event.
    retry : float
        Seconds until NVML is tried again where it failed.
    """

    def __init__(self, listener: Callable[[GpuEvent], None], *, retry: float = RETRY) -> None:
        self._listener = listener
        self._retry = retry
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.watching = threading.Event()  # set while an event set is waited for

    def start(self) -> None:
        """Begin to watch."""
        if self._thread is None:
            # a daemon thread: a driver that hangs must not keep the server from ending
            self._thread = threading.Thread(
                target=self._work, name="gpu-containers-nvml-events", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread; does not wait for a driver that hangs."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * WAIT / 1000)

    def _work(self) -> None:
        try:
            import pynvml  # here: a server may never need it
        except ImportError as error:
            log.debug("No events of GPUs: %s", error)
            return
        while not self._closed.is_set():
            try:
                self._watch(pynvml)
            except pynvml.NVMLError as error:
                log.debug("No events of GPUs for now: %s", error)
            except Exception:
                log.exception("Watching the GPUs failed")
            self.watching.clear()
            self._closed.wait(self._retry)

    def _watch(self, nvml: Any) -> None:
        """Wait for events until the end, or until NVML fails."""
        nvml.nvmlInit()
        try:
            events = nvml.nvmlEventSetCreate()
            try:
                handles = _register(nvml, events)
                self.watching.set()
                while not self._closed.is_set():
                    self._wait(nvml, events, handles)
            finally:
                with suppress(nvml.NVMLError):  # it may be gone, which is why we are here
                    nvml.nvmlEventSetFree(events)
        finally:
            with suppress(nvml.NVMLError):
                nvml.nvmlShutdown()

    def _wait(self, nvml: Any, events: Any, handles: dict[str, Any]) -> None:
        try:
            data = nvml.nvmlEventSetWait_v2(events, WAIT)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_TIMEOUT:
                return
            if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                self._tell_lost(nvml, handles)
            raise
        kind = {
            nvml.nvmlEventTypeXidCriticalError: GpuEventKind.XID,
            nvml.nvmlEventTypeDoubleBitEccError: GpuEventKind.DOUBLE_BIT_ECC,
            nvml.nvmlEventTypeGpuUnavailableError: GpuEventKind.UNAVAILABLE,
        }.get(data.eventType)
        if kind is None:
            return
        uuid = next((u for u, handle in handles.items() if _same(handle, data.device)), None)
        xid = int(data.eventData) if kind is GpuEventKind.XID else None
        self._listener(GpuEvent(kind, uuid, time.monotonic(), xid))

    def _tell_lost(self, nvml: Any, handles: dict[str, Any]) -> None:
        """Tell of those that do not answer any more; the error itself names none."""
        for uuid, handle in handles.items():
            try:
                nvml.nvmlDeviceGetUUID(handle)
            except nvml.NVMLError as error:
                if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                    event = GpuEvent(GpuEventKind.UNAVAILABLE, uuid, time.monotonic())
                    self._listener(event)


def _register(nvml: Any, events: Any) -> dict[str, Any]:
    """Ask for the events of all GPUs that have any; return the handles of all, by UUID."""
    wanted = (
        nvml.nvmlEventTypeXidCriticalError
        | nvml.nvmlEventTypeDoubleBitEccError
        | nvml.nvmlEventTypeGpuUnavailableError
    )
    handles: dict[str, Any] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
            types = nvml.nvmlDeviceGetSupportedEventTypes(handle) & wanted
            if types:
                nvml.nvmlDeviceRegisterEvents(handle, types, events)
        except nvml.NVMLError as error:  # lost already, or of a kind that has no events
            log.debug("No events of GPU %d: %s", index, error)
        else:
            handles[uuid] = handle
    return handles


def _same(one: Any, other: Any) -> bool:
    """Compare two handles, which are pointers."""
    return bool(one) and bool(other) and _address(one) == _address(other)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
