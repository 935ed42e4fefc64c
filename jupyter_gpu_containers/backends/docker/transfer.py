"""One pull or push: a thread of its own reads the engine's progress stream to its end."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.job import Step
from jupyter_gpu_containers.ports import Progress

from .client import EngineClient, Request
from .errors import translated
from .streams import JsonStream

# What the engine says last of a layer, in a pull and in a push.
_DONE = re.compile(r"pull complete|already exists|layer already exists|pushed|mounted from", re.I)
# Of the whole, said in place of a layer's: `library/debian: Pulling from`, a tag as id.
_WHOLE = re.compile(r"pulling from ", re.I)


class Work(Protocol):
    """Something that a thread does, and that can be given up."""

    def start(self) -> Future[None]:
        """Begin."""

    def cancel(self) -> None:
        """Have it stop."""


async def finish(work: Work) -> None:
    """Have it done; who gives up waiting stops it."""
    try:
        await asyncio.wrap_future(work.start())
    except asyncio.CancelledError:
        work.cancel()
        raise


def step_of(line: Mapping[str, Any]) -> Step:
    """Read one line of the engine's progress stream."""
    if isinstance(aux := line.get("aux"), Mapping):  # the end of a push
        return Step("", f"{aux.get('Tag', '')}: {aux.get('Digest', '')}", done=True)
    status = str(line.get("status") or "").strip()
    if _WHOLE.match(status):
        return Step("", f"{status}, {line['id']}" if line.get("id") else status)
    detail = line.get("progressDetail") or {}
    return Step(
        str(line.get("id") or ""),
        status,
        current=max(0, int(detail.get("current") or 0)),
        total=int(total) if (total := detail.get("total") or 0) > 0 else None,
        # Containerd's store says nothing of a layer after its download, and marks that as the end.
        done=bool(line.get("id"))
        and (_DONE.match(status) is not None or detail.get("hidecounts") is True),
    )


class Transfer:
    """Fetches or sends one image.

    The thread is a daemon: a download of 20 GB does not keep a server from ending.

    Parameters
    ----------
    request : callable
        Makes a request to the engine; raises `errors.GpuContainersError`.
    reference : str
        The image, for errors.
    begin : callable
        Opens the engine's stream.
    refused : callable
        Returns the error for what engine and registry said.
    progress : callable, optional
        Told of each step, from the thread.
    steps_of : callable, optional
        Reads a line of the stream; by default `step_of`.
    """

    def __init__(
        self,
        request: Request,
        reference: str,
        begin: Callable[[EngineClient], JsonStream],
        refused: Callable[[str], GpuContainersError],
        progress: Progress | None = None,
        steps_of: Callable[[Mapping[str, Any]], Iterable[Step]] | None = None,
    ) -> None:
        self._request = request
        self._reference = reference
        self._begin = begin
        self._refused = refused
        self._progress = progress
        self._steps_of = steps_of or (lambda line: (step_of(line),))
        self._done: Future[None] = Future()
        self._lock = threading.Lock()
        self._stream: JsonStream | None = None
        self._cancelled = False

    def start(self) -> Future[None]:
        """Begin; the future raises what the engine's refusal amounts to."""
        self._done.set_running_or_notify_cancel()
        threading.Thread(target=self._work, name="gpu-containers-transfer", daemon=True).start()
        return self._done

    def cancel(self) -> None:
        """Close the stream, upon which the engine stops its work."""
        with self._lock:
            self._cancelled = True
            stream = self._stream
        if stream is not None:
            stream.close()

    def _work(self) -> None:
        try:
            self._read()
        except BaseException as exc:  # noqa: BLE001  whatever it is, the waiting side gets it
            self._done.set_exception(exc)
        else:
            self._done.set_result(None)

    def _read(self) -> None:
        try:
            stream = self._request(self._reference, self._begin)
        except GpuContainersError as exc:
            status = getattr(exc.__cause__, "status_code", None)
            if status is None:
                raise  # nobody answered; else the engine passed a registry's refusal on
            said = getattr(exc.__cause__, "explanation", None)
            raise self._refused(str(said or exc)) from exc
        with self._lock:
            self._stream = stream
            if self._cancelled:
                stream.close()
                return
        try:
            with translated(self._reference):
                for line in stream:
                    if said := line.get("error"):
                        raise self._refused(str(said))
                    for step in self._steps_of(line):
                        if self._progress is not None and not self._cancelled:
                            self._progress(step)
        finally:
            stream.close()
