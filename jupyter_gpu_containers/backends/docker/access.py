"""Whether a container may still open its GPUs' device nodes.

The nodes stay where they are when the permission is gone: a reload of systemd's units takes it from
containers whose devices it does not know of (NVIDIA Container Toolkit, "Containers losing access to
GPUs"). Only opening one tells, and only from inside.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

from jupyter_gpu_containers.errors import EngineError, KernelExitedError

from .client import EngineClient
from .errors import translated

log = logging.getLogger(__name__)

# EPERM is the device control group's answer; EACCES, that of a file's mode, is another matter
_REFUSED = re.compile(r"/dev/nvidia(\d+): Operation not permitted")
_TRY = 'for node in "$@"; do (exec 3<>"$node") 2>&1; done; exit 0'


def refused_gpus(
    client: EngineClient, container_id: str, minor_numbers: Collection[int]
) -> frozenset[int]:
    """Return the N of ``/dev/nvidiaN`` that the container may not open any more.

    An image without a shell tells nothing: none is refused then, as far as is known.

    Raises
    ------
    ContainerNotFoundError
    """
    nodes = [f"/dev/nvidia{number}" for number in sorted(minor_numbers)]
    if not nodes:
        return frozenset()
    command = ["/bin/sh", "-c", _TRY, "sh", *nodes]
    try:
        with translated(container_id):
            exec_id = client.exec_create(container_id, command, environment={"LC_ALL": "C"})["Id"]
            said = client.exec_start(exec_id)
    except (EngineError, KernelExitedError) as exc:  # no shell, or it has just ended
        log.debug("Devices of container %s: %s", container_id[:12], exc)
        return frozenset()
    return frozenset(int(n) for n in _REFUSED.findall(said.decode("utf-8", "replace")))
