"""Which starts a server had accepted and not finished when it ended: one small file each.

A kernel has a record only when it has its folders and its ports. What comes before is known to the
page that asked, and to nobody else when the server dies: the next one must be able to say so, and
the one after that, where it dies before the page has come back.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase, PhaseTime
from jupyter_gpu_containers.model.kernel.record import is_kernel_id

SUFFIX = ".json"
HEARD = 60.0  # seconds in which a page that is open has come back and heard of its launch

INTERRUPTED = Problem(
    "server_ended",
    "The kernel was still being started when its Jupyter server ended.",
    "Start it again.",
)


class Starts:
    """Notes the launches of a server; blocks for one small write at the start and end of each.

    A file's name alone tells that there was a start, so that one half written is as good.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path, *, log: logging.Logger | None = None) -> None:
        self._folder = folder
        self._log = log or logging.getLogger(__name__)
        self._noted: set[str] = set()  # ids
        self._told: dict[Path, float] = {}  # when a start that failed with its server was told of

    def note(self, launch: Launch, server: str) -> None:
        """Write down a launch of a server that is new, forget one that runs or is over."""
        if not is_kernel_id(launch.id):  # a client may choose it, and it is a file's name
            return
        over = launch.phase is Phase.RUNNING or launch.phase.final
        if over == (launch.id not in self._noted):
            return
        try:
            if over and launch.error is not None and launch.error.code == INTERRUPTED.code:
                self._told.setdefault(self._path(launch.id, server), time.monotonic())
            elif over:
                self._path(launch.id, server).unlink(missing_ok=True)
                self._noted.discard(launch.id)
            else:
                self._write(launch, server)
                self._noted.add(launch.id)
        except OSError as exc:  # a server that dies now cannot be asked about it; all else works
            self._log.warning("the start of kernel %s is not written down: %s", launch.id, exc)

    def forget_told(self, *, age: float = HEARD) -> None:
        """Forget the starts of which this server has told for so many seconds."""
        for path, since in list(self._told.items()):
            if time.monotonic() - since >= age:
                path.unlink(missing_ok=True)
                del self._told[path]

    def of_server(self, server: str) -> list[Launch]:
        """Return what a server had not finished."""
        found = []
        for path in sorted(self._folder.glob(f"*.{server}{SUFFIX}")):
            launch_id = path.name.partition(".")[0]
            self._noted.add(launch_id)
            found.append(_read(path, launch_id))
        return found

    def _write(self, launch: Launch, server: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {
            "environment": launch.environment,
            "display_name": launch.display_name,
            "image": launch.image,
            "path": launch.path,
            "phases": [[time.phase.value, time.at] for time in launch.phases],
        }
        self._path(launch.id, server).write_text(json.dumps(content), encoding="utf-8")

    def _path(self, launch_id: str, server: str) -> Path:
        return self._folder / f"{launch_id}.{server}{SUFFIX}"


def _read(path: Path, launch_id: str) -> Launch:
    """Return a launch; of one that was not written whole, that there was one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Launch(
            launch_id,
            environment=str(content["environment"]),
            display_name=str(content["display_name"]),
            image=str(content["image"]),
            path=str(content["path"]),
            kernel_id=launch_id,
            phases=tuple(PhaseTime(Phase(name), float(at)) for name, at in content["phases"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Launch(launch_id, kernel_id=launch_id)
