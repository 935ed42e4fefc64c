"""Who waits for GPUs, on disk: for the next server in the same folder, and the command line."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.gpu.device import GpuRequest
from jupyter_gpu_containers.model.kernel.launch import Launch, LaunchRequest, Phase, PhaseTime
from jupyter_gpu_containers.model.queue import Ticket
from jupyter_gpu_containers.service.futures import from_thread
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.private_file import remove_draft, write_private
from jupyter_gpu_containers.service.recovery.server_id import ServerId, Servers

VERSION = 1
SERVERS = "queues"  # folder of files that are locked by the servers whose queues are kept
PREFIX, SUFFIX = "queue-", ".json"  # of the file's name; between them the server's

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WaitingLaunch:
    """All that is needed to go on with a launch that waits."""

    launch: Launch
    request: LaunchRequest
    ticket: Ticket


@dataclass(frozen=True)
class KnownQueue:
    """What a file says."""

    owner: str = ""  # the process that wrote it, see `service.kernel.owner`
    launches: tuple[WaitingLaunch, ...] = ()
    alive: bool = False  # the server that they wait in is there
    path: Path | None = None


class QueueFile:
    """One server's file; nobody else writes it while the server lives.

    Parameters
    ----------
    folder : Path
    server : ServerId
        Held until `close`, so that another server in the same root folder has a file of its own.
    """

    def __init__(self, folder: Path, server: ServerId) -> None:
        self._server = server
        self._path = folder / f"{PREFIX}{server.name}{SUFFIX}"
        self._lock = threading.Lock()
        self._content: tuple[WaitingLaunch, ...] | None = None  # not written yet
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="gpu-containers-queue")
        self._written: Future[None] | None = None

    @classmethod
    def take(cls, folder: Path, root: str) -> QueueFile | None:
        """Take the file of a server's root folder; None where too many servers are in it."""
        server = Servers(folder / SERVERS).take(root)
        return None if server is None else cls(folder, server)

    def read(self) -> list[WaitingLaunch]:
        """Return who waited when the file was written last."""
        remove_draft(self._path)
        return list(read_queue(self._path).launches)

    def write(self, launches: Iterable[WaitingLaunch]) -> None:
        """Replace the content, in a thread; of several at once only the last one is written."""
        content = tuple(launches)
        with self._lock:
            if content == self._content:
                return
            self._content = content
            if self._written is None or self._written.done():
                self._written = self._writer.submit(self._drain)

    async def flush(self) -> None:
        """Wait until the disk has what was written last."""
        with self._lock:
            written = self._written
        if written is not None:
            await from_thread(written)

    async def close(self) -> None:
        """Wait until all is written, and let the next server have the file."""
        await self.flush()
        self._writer.shutdown(wait=False)
        self._server.close()

    def _drain(self) -> None:
        done: tuple[WaitingLaunch, ...] | None = None
        while True:
            with self._lock:
                if done == self._content and done is not None:
                    self._written = None
                    return
                done = self._content
            try:
                write_private(self._path, _as_text(done or ()), alone=True)
            except OSError as exc:  # the queue works on; a restart would lose it
                log.warning("could not write down who waits for GPUs: %s", exc)


def known_queues(folder: Path) -> list[KnownQueue]:
    """Return what all files of a folder say."""
    servers = Servers(folder / SERVERS)
    found = []
    for path in sorted(folder.glob(f"{PREFIX}*{SUFFIX}")):
        state = servers.state(path.name.removeprefix(PREFIX).removesuffix(SUFFIX))
        alive = state is not None and state.alive
        found.append(replace(read_queue(path), alive=alive, path=path))
    return found


def forget_launch(queue: KnownQueue, launch_id: str) -> None:
    """Take a launch out of the file of a server that is not there."""
    assert queue.path is not None
    assert not queue.alive, "a server writes its file itself"
    left = [entry for entry in read_queue(queue.path).launches if entry.launch.id != launch_id]
    write_private(queue.path, _as_text(left))


def read_queue(path: Path) -> KnownQueue:
    """Read a file; one that is not there, or cannot be understood, has nobody in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            log.warning("%s was written by another version; who waited is not taken up", path)
            return KnownQueue()
        return KnownQueue(content["owner"], tuple(map(_from_json, content["launches"])))
    except FileNotFoundError:
        return KnownQueue()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        log.warning("%s cannot be read; who waited is not taken up: %r", path, exc)
        return KnownQueue()


def _as_text(launches: Iterable[WaitingLaunch]) -> str:
    return json.dumps(
        {
            "version": VERSION,
            "owner": str(Owner.current()),
            "launches": [_as_json(entry) for entry in launches],
        }
    )


def _as_json(entry: WaitingLaunch) -> dict[str, Any]:
    launch, ticket = entry.launch, entry.ticket
    return {
        "id": launch.id,
        "environment": launch.environment,
        "display_name": launch.display_name,
        "image": launch.image,
        "path": launch.path,
        "phases": [[time.phase.value, time.at] for time in launch.phases],
        "request": vars(entry.request),  # `asdict` copies it deeply, which takes ten times as long
        "ticket": {
            key: vars(value) if key == "request" else value
            for key, value in vars(ticket).items()
            if key != "id"
        },
    }


def _from_json(text: dict[str, Any]) -> WaitingLaunch:
    ticket = dict(text["ticket"])
    gpus = dict(ticket.pop("request"))
    gpus["uuids"] = tuple(gpus["uuids"])
    known = {each.name for each in fields(LaunchRequest)}
    request = {key: value for key, value in text["request"].items() if key in known}
    for key, value in request.items():
        if isinstance(value, list):
            request[key] = tuple(value)
    return WaitingLaunch(
        Launch(
            text["id"],
            environment=text["environment"],
            display_name=text["display_name"],
            image=text["image"],
            path=text["path"],
            phases=tuple(PhaseTime(Phase(phase), at) for phase, at in text["phases"]),
        ),
        LaunchRequest(**request),
        Ticket(id=text["id"], request=GpuRequest(**gpus), **ticket),
    )
