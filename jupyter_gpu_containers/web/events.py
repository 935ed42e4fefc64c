"""What pages are told over Jupyter's event bus; the schemas are in ``events/``.

Whoever may use the server may also put events on its bus: pages show what they are told, and act
upon answers of the REST API alone. No event holds a secret.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.gpu.load import GpuLoad
from jupyter_gpu_containers.model.job import Job
from jupyter_gpu_containers.model.kernel.launch import Launch

from .serializers import gpu_load_model, job_model, launch_model

EVENTS = Path(__file__).parents[1] / "events"
_ID = "https://events.jupyter-gpu-containers.dev"
LAUNCH_EVENT = f"{_ID}/launch/v1"
JOB_EVENT = f"{_ID}/job/v1"
CHANGED_EVENT = f"{_ID}/changed/v1"
GPU_LOAD_EVENT = f"{_ID}/gpu-load/v1"
SCHEMAS = ("launch.v1.yaml", "job.v1.yaml", "changed.v1.yaml", "gpu-load.v1.yaml")


class EventBus:
    """Puts what happens on the server's event bus; belongs to the server's loop.

    Parameters
    ----------
    logger : jupyter_events.EventLogger
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        for schema in SCHEMAS:
            logger.register_event_schema(EVENTS / schema)

    def launch(self, launch: Launch) -> None:
        """A launch is new, or has changed."""
        self._logger.emit(schema_id=LAUNCH_EVENT, data=launch_model(launch))

    def job(self, job: Job) -> None:
        """A job has begun, gone on or ended."""
        self._logger.emit(schema_id=JOB_EVENT, data=job_model(job))

    def gpu_load(self, loads: Iterable[GpuLoad]) -> None:
        """The load of these GPUs is another one now."""
        self._logger.emit(schema_id=GPU_LOAD_EVENT, data=gpu_load_model(loads, time.time()))

    def changed(self, resource: str) -> None:
        """Something of a resource has changed."""
        self._logger.emit(schema_id=CHANGED_EVENT, data={"resource": resource})
