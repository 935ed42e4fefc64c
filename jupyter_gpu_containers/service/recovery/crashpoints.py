"""Named points at which a test lets this process die as `kill -9` would; otherwise nothing.

``JUPYTER_GPU_CONTAINERS_CRASH_AT=claim.created:2`` ends the process when it reaches the point
``claim.created`` for the second time (":1" may be left out).
"""

from __future__ import annotations

import os
import threading
from collections import Counter

POINTS = (  # in the order of a kernel's life; a test holds this list against the code
    *("seat.take", "seat.folder", "seat.taken", "provisioner.connection_written"),
    *("record.write", "record.drafted", "record.written", "kernel.prepared"),
    *("sweep.begin", "sweep.container", "sweep.removed"),
    *("claim.chosen", "claim.create", "claim.created", "claim.checked", "kernel.claimed"),
    *("kernel.start", "kernel.started", "kernel.answered", "kernel.running"),
    *("kernel.abandon", "release.begin", "release.removed", "kernel.abandoned"),
    *("restart.ordered", "restart.cleared", "restart.gone_on"),
    *("spare.created", "spare.started", "spare.taken", "spare.handover", "spare.handed_over"),
    *("spare.removed",),
    *("seat.leave", "seat.left", "record.removed", "provisioner.cleared"),
    *("reattach.begun", "reattach.found", "reattach.answered", "seat.adopt", "kernel.adopted"),
    *("provisioner.loaded", "reattach.failed", "reattach.removed", "reattach.dropped"),
)
VARIABLE = "JUPYTER_GPU_CONTAINERS_CRASH_AT"
SIGKILL_EXIT = 137  # what a shell says of a process that was killed

_lock = threading.Lock()
_times: Counter[str] = Counter()


def reached(name: str) -> None:
    """Die here if a test asked for it: no handler, no `finally`, no buffer is written."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    point, _, time = wanted.partition(":")
    if point != name:
        return
    with _lock:
        _times[name] += 1
        if _times[name] == int(time or 1):
            os._exit(SIGKILL_EXIT)
