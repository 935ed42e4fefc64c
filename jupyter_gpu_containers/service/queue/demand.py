"""Whether anybody waits for GPUs: in this server, or in another one of the same data folder."""

from __future__ import annotations

from pathlib import Path

from jupyter_gpu_containers.runtime.threads import in_thread

from .file import known_queues
from .queue import Queue


class Demand:
    """Knows of those whom this user's servers have wait.

    Those of other users cannot be asked: nobody may read their folders.

    Parameters
    ----------
    queue : Queue
        This server's.
    folder : Path
        Where all of them keep who waits.
    """

    def __init__(self, queue: Queue, folder: Path) -> None:
        self._queue = queue
        self._folder = folder

    async def is_there(self) -> bool:
        """Tell whether anybody waits for GPUs."""
        if self._queue.busy:
            return True
        queues = await in_thread(None, lambda: known_queues(self._folder))
        return any(queue.alive and queue.launches for queue in queues)
