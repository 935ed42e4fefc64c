"""Learns from one event stream how watched containers end.

One daemon thread reads the engine's events. An event is only a hint to look: what became of a
container is always read from the engine itself, so that an event which was missed, repeated or
came late does no harm. After every gap in the stream all watched containers are looked at. An
engine that does not answer ends nothing.

An engine that stops, or comes back after a crash, kills its containers as anybody else would: by
SIGTERM or SIGKILL. It is told apart by what else is seen: it takes no new connections while it
stops, and was away before it told of an end.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from jupyter_gpu_containers.errors import (
    ContainerNotFoundError,
    EngineUnreachableError,
    GpuContainersError,
)
from jupyter_gpu_containers.model.container import ContainerExit
from jupyter_gpu_containers.runtime.cgroup import LastCounters

from .alive import takes_connections
from .client import JsonStream, Request
from .facts import seconds

log = logging.getLogger(__name__)

# Podman's own names come second: its filter wants them, whatever name the event then bears.
DIED, GONE = ("die", "died"), ("destroy", "remove")
EVENTS = [*DIED, *GONE, "oom", "start"]
ENGINES_SIGNALS = (128 + signal.SIGTERM, 128 + signal.SIGKILL)  # exit codes of those it ends
IDLE_TIMEOUT = 30.0  # seconds without an event, after which all are looked at and asked anew
RETRY_FIRST, RETRY_MAX = 0.1, 2.0  # seconds between attempts while the engine is away
CLOCK_MARGIN = 1.0  # seconds; the stream starts this much in the past, since it opens late


class ExitWatcher:
    """Futures for the ends of containers' runs.

    Parameters
    ----------
    request : callable
        Makes a request to the engine; raises `errors.GpuContainersError`.
    submit : callable
        Runs a function in another thread: `watch` itself must not wait for the engine.
    """

    def __init__(
        self,
        request: Request,
        submit: Callable[[Callable[[], None]], object],
    ) -> None:
        self._request = request
        self._submit = submit
        self._lock = threading.Lock()
        self._pending: dict[str, Future[ContainerExit]] = {}
        self._reported: dict[str, str] = {}  # id: `State.StartedAt` of the last run told about
        self._oom: set[str] = set()
        self._oom_listeners: list[Callable[[str], None]] = []
        self._away_since: float | None = None  # epoch; the engine was not there since
        self.counters = LastCounters()
        self._recheck: set[str] = set()  # looked at in vain; again at the next event or timeout
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._stream: JsonStream | None = None

    def watch(self, container_id: str) -> Future[ContainerExit]:
        """Return the future of the present run.

        The present run is the one that the container is in, or will be in when it is started;
        where the container has exited and no future told so yet, that past run.
        """
        with self._lock:
            future = self._pending.get(container_id)
            if future is not None:
                return future
            future = Future()
            future.set_running_or_notify_cancel()  # several may wait: nobody can cancel it
            self._pending[container_id] = future
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(
                    target=self._follow, name="gpu-containers-events", daemon=True
                )
                self._thread.start()
        self._submit(lambda: self._look(container_id))
        return future

    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        """Call the listener, in this thread, when a process of a watched container is killed."""
        with self._lock:
            self._oom_listeners.append(listener)

    def close(self) -> None:
        """End the thread; futures that are pending stay so."""
        self._closed.set()
        self.counters.close()
        with self._lock:
            stream = self._stream
        if stream is not None:
            stream.close()

    def forget(self, container_id: str) -> None:
        """Drop what is remembered of a container whose removal is confirmed."""
        with self._lock:
            self._reported.pop(container_id, None)
            self._oom.discard(container_id)

    # -- the thread -------------------------------------------------------------------------

    def _follow(self) -> None:
        since = time.time() - CLOCK_MARGIN
        pause = RETRY_FIRST
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                since = self._read(since)
            except GpuContainersError as exc:
                log.debug("Container events: %s", exc)
                if isinstance(exc, EngineUnreachableError) and self._away_since is None:
                    self._away_since = time.time()
            # a stream that held for a while broke just now: the engine may be back at once
            held = time.monotonic() - began > RETRY_MAX
            pause = RETRY_FIRST if held else min(pause * 2, RETRY_MAX)
            self._closed.wait(pause)

    def _read(self, since: float) -> float:
        """Read one stream to its end; return the time from which to ask for the next one."""
        stream: JsonStream = self._request(
            "", lambda client: client.event_stream(since, EVENTS, idle_timeout=IDLE_TIMEOUT)
        )
        with self._lock:
            self._stream = stream
        try:
            self._look_at_all()
            self._away_since = None
            for event in stream:
                since = max(since, float(event.get("timeNano") or 0) / 1e9)
                self._on_event(event)
        except Exception as exc:  # noqa: BLE001  every way in which a stream can break
            if not self._closed.is_set():
                log.debug("Container events ended: %r", exc)
        finally:
            with self._lock:
                self._stream = None
            stream.close()
        return since

    def _on_event(self, event: Mapping[str, Any]) -> None:
        container_id = str(event.get("id") or (event.get("Actor") or {}).get("ID") or "")
        action = str(event.get("status") or event.get("Action") or "")
        with self._lock:
            watched = container_id in self._pending
            listeners = list(self._oom_listeners)
            if action == "oom" and watched:
                self._oom.add(container_id)
            elif action in GONE:
                self._reported.pop(container_id, None)
            again = [other for other in self._recheck if other != container_id]
        if watched and action == "oom":
            for listener in listeners:
                listener(container_id)
        elif watched:
            self._look(container_id, event if action in DIED else None)
        for other in again:
            self._look(other)

    def _look_at_all(self) -> None:
        with self._lock:
            watched = list(self._pending)
        for container_id in watched:
            self._look(container_id)

    # -- one container, from any thread -----------------------------------------------------

    def _look(self, container_id: str, died: Mapping[str, Any] | None = None) -> None:
        """Ask the engine what a container does; where its run has ended, say so."""
        try:
            state = self._request(
                container_id, lambda client: client.inspect_container(container_id)
            )["State"]
        except ContainerNotFoundError:
            self._gone(container_id, died)
            return
        except GpuContainersError as exc:
            log.debug("Container %s: %s", container_id[:12], exc)
            with self._lock:
                if container_id in self._pending:
                    self._recheck.add(container_id)
            return
        started = state.get("StartedAt") or ""
        if state.get("Status") in ("exited", "dead"):
            ended = exit_from_state(state)
            if self._was_away(seconds(started)) and ended.exit_code in ENGINES_SIGNALS:
                ended = replace(ended, engine_restarted=self._ends_what_it_finds())
            self._ended(container_id, started, ended)
        elif died is not None and seconds(started) <= float(died.get("timeNano") or 0) / 1e9:
            # The event outran the state. (Otherwise the event is of an earlier run.)
            self._ended(container_id, started, ContainerExit(_exit_code(died)))
        else:
            self.counters.follow(container_id, int(state.get("Pid") or 0))
            with self._lock:
                self._recheck.discard(container_id)

    def _gone(self, container_id: str, died: Mapping[str, Any] | None) -> None:
        ended = (
            ContainerExit(_exit_code(died))
            if died is not None
            else ContainerExit(-1, error="The container was removed.", lost=True)
        )
        self._ended(container_id, "", ended)

    def _ended(self, container_id: str, started: str, ended: ContainerExit) -> None:
        with self._lock:
            if started and self._reported.get(container_id) == started:
                self._recheck.discard(container_id)
                return  # that run was told about; the next one has not begun
            future = self._pending.pop(container_id, None)
            self._recheck.discard(container_id)
            if future is None:
                return
            if container_id in self._oom:
                self._oom.discard(container_id)
                ended = replace(ended, oom_killed=True)
            if started:
                self._reported[container_id] = started
        ended = replace(ended, usage=self.counters.take(container_id))
        if ended.exit_code not in ENGINES_SIGNALS or ended.oom_killed or ended.engine_restarted:
            future.set_result(ended)
            return

        def decide() -> None:
            future.set_result(replace(ended, engine_restarted=self._is_stopping()))

        try:
            self._submit(decide)
        except RuntimeError:  # closed: nobody makes requests any more
            future.set_result(ended)

    # -- is it the engine that ended a container? ---------------------------------------------

    def _was_away(self, started: float) -> bool:
        """Tell whether the engine was away, and has not been seen since, after a run had begun."""
        away = self._away_since
        return away is not None and started < away

    def _ends_what_it_finds(self) -> bool:
        """Tell whether an engine that comes back ends containers; False where nobody can tell."""
        try:
            info: Mapping[str, Any] = self._request("", lambda client: client.info())
        except GpuContainersError:
            return False
        is_podman = "BuildahVersion" in info  # it has no daemon on which containers depend
        return not is_podman and not info.get("LiveRestoreEnabled")

    def _is_stopping(self) -> bool:
        """Tell whether the engine goes away just now."""
        try:
            return not self._request("", takes_connections)
        except EngineUnreachableError:
            return True
        except GpuContainersError:
            return False


def exit_from_state(state: Mapping[str, Any]) -> ContainerExit:
    """Read ``State`` of a container that has exited (``GET /containers/{id}/json``)."""
    return ContainerExit(
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        finished=seconds(state.get("FinishedAt") or ""),
    )


def _exit_code(died: Mapping[str, Any]) -> int:
    attributes = (died.get("Actor") or {}).get("Attributes") or {}
    return int(attributes.get("exitCode") or attributes.get("containerExitCode") or 0)
