"""Learns from one event stream how watched containers end, and that pages show something old.

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
from jupyter_gpu_containers.model.change import EngineChange
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.runtime.cgroup import LastCounters

from . import alive
from .alive import takes_connections
from .change import GONE, MADE, OF_IMAGES, change_of
from .client import EngineClient, Request
from .exits import ENGINES_SIGNALS, exit_from_state, exit_of
from .facts import OVER, container_status, seconds
from .kept import Kept
from .streams import JsonStream, is_idle

log = logging.getLogger(__name__)

# Podman's own names come second: its filter wants them, whatever name the event then bears.
DIED = ("die", "died")
STARTED = "start"
EVENTS = sorted({*DIED, *MADE, *GONE, *OF_IMAGES, "oom", STARTED})
# that of what it finds and cannot take over again, as after the crash of a rootless one: it ends it
NOT_RESTORED = 255
IDLE_TIMEOUT = 30.0  # seconds without an event, after which all are looked at and asked anew
RETRY_FIRST, RETRY_MAX = 0.1, 2.0  # seconds between attempts while the engine is away
ENDS_WITHIN = 20.0  # seconds in which an engine that is back ends what it finds; ten to let it end
CLOCK_MARGIN = 1.0  # seconds; the stream starts this much in the past, since it opens late


class ExitWatcher:
    """Futures for the ends of containers' runs.

    Parameters
    ----------
    request : callable
        Makes a request to the engine; raises `errors.GpuContainersError`.
    submit : callable
        Runs a function in another thread: `watch` itself must not wait for the engine.
    images, info : Kept
        What the engine said of its images, and of itself.
    """

    def __init__(
        self,
        request: Request,
        submit: Callable[[Callable[[], None]], object],
        images: Kept[Any],
        info: Kept[Any],
    ) -> None:
        self._request = request
        self._submit = submit
        self._kept = {EngineChange.IMAGES: images, EngineChange.CONNECTION: info}
        self._lock = threading.Lock()
        self._pending: dict[str, Future[ContainerExit]] = {}
        self._reported: dict[str, str] = {}  # id: `State.StartedAt` of the last run told about
        self._oom: set[str] = set()
        self._fresh: set[str] = set()  # created here, never started
        self._starting: set[str] = set()  # started here, whose event has not come yet
        self._reconnect_listeners: list[Callable[[], None]] = []
        self._oom_listeners: list[Callable[[str], None]] = []
        self._change_listeners: list[Callable[[EngineChange], None]] = []
        self._newest = 0  # `timeNano` of the last event: a stream that is opened anew repeats it
        self._gap = (0.0, 0.0)  # epoch: the last time when the stream broke, and was back
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
            self._begin()
            is_fresh = container_id in self._fresh
            self._fresh.discard(container_id)
        if not is_fresh:  # else there is nothing to see yet
            self._submit(lambda: self._look(container_id))
        return future

    def created(self, container_id: str) -> None:
        """Note that a container was just created here: it can have no run that has ended."""
        with self._lock:
            self._fresh.add(container_id)

    def starting(self, container_id: str) -> None:
        """Note that a run is begun here, which `started` tells more of than its event could."""
        with self._lock:
            self._starting.add(container_id)

    def started(self, container_id: str, pid: int) -> None:
        """Follow a run that was begun here.

        Parameters
        ----------
        container_id : str
        pid : int
            Its first process, as it is seen here; 0 where it is not, or has ended.
        """
        if pid > 0:
            self.counters.follow(container_id, pid)
        else:
            with self._lock:
                watched = container_id in self._pending
            if watched:
                self._look(container_id)

    def on_change(self, listener: Callable[[EngineChange], None]) -> None:
        """Call the listener, in this thread, when somebody changed something that is shown."""
        with self._lock:
            self._change_listeners.append(listener)
            self._begin()

    def on_memory_kill(self, listener: Callable[[str], None]) -> None:
        """Call the listener, in this thread, when a process of a watched container is killed."""
        with self._lock:
            self._oom_listeners.append(listener)

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call the listener, in this thread, when a stream that broke is there again."""
        with self._lock:
            self._reconnect_listeners.append(listener)

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
            for noted in (self._oom, self._fresh, self._starting):
                noted.discard(container_id)

    # -- the thread -------------------------------------------------------------------------

    def _begin(self) -> None:
        """Follow the events, if nobody does yet; with the lock held."""
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(
                target=self._follow, name="gpu-containers-events", daemon=True
            )
            self._thread.start()

    def _tell(self, change: EngineChange) -> None:
        if change in self._kept:
            self._kept[change].changed()  # before anybody asks again
        with self._lock:
            listeners = list(self._change_listeners)
        for listener in listeners:
            listener(change)

    def _follow(self) -> None:
        since = time.time() - CLOCK_MARGIN
        pause = RETRY_FIRST
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                since = self._read(since)
            except GpuContainersError as exc:
                log.debug("Container events: %s", exc)
                self._broke()
            # a stream that held for a while broke just now: the engine may be back at once
            held = time.monotonic() - began > RETRY_MAX
            pause = RETRY_FIRST if held else min(pause * 2, RETRY_MAX)
            self._closed.wait(pause)

    def _read(self, since: float) -> float:
        """Read one stream to its end; return the time from which to ask for the next one."""
        stream, is_local = self._request("", lambda client: _open(client, since))
        with self._lock:
            self._stream = stream
        try:
            if self._closed.is_set():  # `close` came while it was opened, and saw no stream
                return since
            with self._lock:
                back = bool(self._gap[0] and not self._gap[1])
                self._gap = (self._gap[0], time.time() if self._gap[0] else 0.0)
                listeners = list(self._reconnect_listeners) if back else []
            if back:
                self._tell(EngineChange.CONNECTION)
            self._look_at_all()
            for listener in listeners:
                listener()
            self._follow_changes()
            for event in stream:
                since = max(since, float(event.get("timeNano") or 0) / 1e9)
                self._on_event(event)
            self._broke()
        except Exception as exc:  # noqa: BLE001  every way in which a stream can break
            if not self._closed.is_set():
                log.debug("Container events ended: %r", exc)
            if not is_idle(exc):
                self._broke()
                return since
            for kept in self._kept.values():
                # Of a socket on this machine nothing was lost, and what comes until the stream is
                # open again it will repeat. A network may have been silent because it is gone.
                (kept.pause if is_local else kept.lose)()
        finally:
            with self._lock:
                self._stream = None
            stream.close()
        return since

    def _broke(self) -> None:
        """Note that the engine may have gone away, unless it has not been seen since the last."""
        for kept in self._kept.values():
            kept.lose()
        with self._lock:
            is_known = self._gap[0] and not self._gap[1]
            if is_known or self._closed.is_set():
                return
            self._gap = (time.time(), 0.0)
        self._tell(EngineChange.CONNECTION)

    def _on_event(self, event: Mapping[str, Any]) -> None:
        at = int(event.get("timeNano") or 0)
        change = change_of(event)
        if change is not None and at != self._newest:  # two at once may come in the wrong order
            self._tell(change)
        self._newest = max(self._newest, at)
        if event.get("Type") == "image":
            return
        container_id = str(event.get("id") or (event.get("Actor") or {}).get("ID") or "")
        action = str(event.get("status") or event.get("Action") or "")
        with self._lock:
            watched = container_id in self._pending
            listeners = list(self._oom_listeners)
            if action == "oom" and watched:
                self._oom.add(container_id)
            elif action in GONE:
                self._reported.pop(container_id, None)
            elif action == STARTED and container_id in self._starting:
                self._starting.discard(container_id)
                watched = False  # `started` looks, or has looked
            again = [other for other in self._recheck if other != container_id]
        if watched and action == "oom":
            for listener in listeners:
                listener(container_id)
        elif watched:
            again.insert(0, container_id)
        if not again:
            return
        for kept in self._kept.values():
            kept.pause()  # the engine may take its time; meanwhile nobody reads its events
        for one in again:
            self._look(one, event if one == container_id and action in DIED else None)
        self._follow_changes()

    def _follow_changes(self) -> None:
        for kept in self._kept.values():
            kept.follow()

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
        if container_status(state.get("Status") or "") in OVER:
            ended = exit_from_state(state)
            self._ended(container_id, started, ended)
        elif died is not None and seconds(started) <= float(died.get("timeNano") or 0) / 1e9:
            # The event outran the state, or somebody removes the container, which kills it first.
            # (Otherwise the event is of an earlier run.)
            is_removed = state.get("Status") == "removing"
            self._ended(container_id, started, exit_of(died, is_removed=is_removed))
        else:
            self.counters.follow(container_id, int(state.get("Pid") or 0))
            with self._lock:
                self._recheck.discard(container_id)

    def _gone(self, container_id: str, died: Mapping[str, Any] | None) -> None:
        ended = (
            exit_of(died, is_removed=True)
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
        may_be_engines = ended.exit_code in (*ENGINES_SIGNALS, NOT_RESTORED)
        if not may_be_engines or ended.oom_killed or ended.lost:
            future.set_result(ended)
            return

        def decide() -> None:
            by_engine = self._ended_by_engine(seconds(started), ended.finished or time.time())
            future.set_result(replace(ended, engine_restarted=by_engine))

        try:
            self._submit(decide)
        except RuntimeError:  # closed: nobody makes requests any more
            future.set_result(ended)

    def _ended_by_engine(self, started: float, finished: float) -> bool:
        """Tell whether the engine itself ended a run by a signal; False where it is not certain."""
        try:
            if not self._request("", takes_connections):
                return True  # it stops, and ends its containers first
            began = float(self._request("", alive.began))
            with self._lock:
                gone, back = self._gap
            if began:
                # a run older than the engine ended after it, or since its predecessor went away
                candidate = started < began and finished >= min(began, gone or began) - CLOCK_MARGIN
            else:
                candidate = bool(gone) and started < gone <= finished < back + ENDS_WITHIN
            return candidate and self._ends_what_it_finds()
        except EngineUnreachableError:
            return True
        except GpuContainersError:
            return False

    def _ends_what_it_finds(self) -> bool:
        """Tell whether an engine that comes back ends the containers that outlived it."""
        info: Mapping[str, Any] = self._request("", lambda client: client.info())
        is_podman = "BuildahVersion" in info  # it has no daemon on which containers depend
        return not is_podman and not info.get("LiveRestoreEnabled")


def _open(client: EngineClient, since: float) -> tuple[JsonStream, bool]:
    """Open a stream; tell also whether it is a socket's of this machine."""
    return client.event_stream(since, EVENTS, idle_timeout=IDLE_TIMEOUT), client.listens_here
