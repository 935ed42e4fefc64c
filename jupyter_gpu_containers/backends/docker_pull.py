"""One pull: a thread of its own reads the engine's progress stream to its end."""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future

from jupyter_gpu_containers.errors import GpuContainersError, RegistryError, WrongArchitectureError

from .docker_client import JsonStream, Request
from .docker_errors import translated

_LIMITED = "The registry limits downloads: log in with `docker login`, or try again later."
_PRIVATE = "It does not exist or is private: check the name, or log in with `docker login`."
_UNKNOWN = "Check the name and the tag."
_FULL = "Free some room: `docker image prune` removes images that nobody uses."
_AWAY = "The registry cannot be reached from this machine: check the network and its proxy."
_HINTS = (
    (r"toomanyrequests|rate limit|\b429\b", _LIMITED),
    (r"unauthori[sz]ed|denied|authentication required|forbidden|\b40[13]\b", _PRIVATE),
    (r"no such host|connection refused|timeout|i/o|unreachable|reset|EOF|lookup|TLS|x509", _AWAY),
    (r"not found|(manifest|name) unknown|\b404\b", _UNKNOWN),
    (r"no space left", _FULL),
)


def pull_error(reference: str, said: str) -> GpuContainersError:
    """Return the error for a pull that failed with the engine's words."""
    text = " ".join(said.split())
    if re.search(r"no matching manifest|no image found in manifest list", text, re.I):
        return WrongArchitectureError(
            f"The image {reference} is not made for this machine's CPU architecture: {text}",
            "Choose another image or another tag.",
        )
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text, re.I)), "")
    return RegistryError(f"The image {reference} could not be fetched: {text}", hint)


class Pull:
    """Fetches one image.

    The thread is a daemon: a download of 20 GB does not keep a server from ending.
    """

    def __init__(self, request: Request, reference: str) -> None:
        self._request = request
        self._reference = reference
        self._done: Future[None] = Future()
        self._lock = threading.Lock()
        self._stream: JsonStream | None = None
        self._cancelled = False

    def start(self) -> Future[None]:
        """Begin; the future raises what `pull_error` returns."""
        self._done.set_running_or_notify_cancel()
        threading.Thread(target=self._work, name="gpu-containers-pull", daemon=True).start()
        return self._done

    def cancel(self) -> None:
        """Close the stream, upon which the engine stops fetching."""
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
            stream = self._request(
                self._reference, lambda client: client.pull_stream(self._reference)
            )
        except GpuContainersError as exc:
            status = getattr(exc.__cause__, "status_code", None)
            if status is None:
                raise  # nobody answered; else the engine passed a registry's refusal on
            said = getattr(exc.__cause__, "explanation", None)
            raise pull_error(self._reference, str(said or exc)) from exc
        with self._lock:
            self._stream = stream
            if self._cancelled:
                stream.close()
                return
        with translated(self._reference):
            for line in stream:
                if said := line.get("error"):
                    raise pull_error(self._reference, str(said))
