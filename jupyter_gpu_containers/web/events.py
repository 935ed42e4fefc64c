"""What pages are told over Jupyter's event bus; the schemas are in ``events/``.

Whoever may use the server may also put events on its bus: pages show what they are told, and act
upon answers of the REST API alone. No event holds a secret.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.change import Resource
from jupyter_gpu_containers.model.gpu.load import GpuLoad
from jupyter_gpu_containers.model.job import Job
from jupyter_gpu_containers.model.kernel.launch import Launch
from jupyter_gpu_containers.service.services import Services

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

    def join(self, services: Services) -> None:
        """Tell from now on what happens to the services."""
        services.launches.on_change(self._launch)
        services.jobs.on_change(self._job)
        services.loads.on_change(self._gpu_load)
        services.changes.on_change(self._changed)

    def _launch(self, launch: Launch) -> None:
        self._logger.emit(schema_id=LAUNCH_EVENT, data=launch_model(launch))

    def _job(self, job: Job) -> None:
        self._logger.emit(schema_id=JOB_EVENT, data=job_model(job))

    def _gpu_load(self, loads: Iterable[GpuLoad]) -> None:
        self._logger.emit(schema_id=GPU_LOAD_EVENT, data=gpu_load_model(loads, time.time()))

    def _changed(self, resource: Resource) -> None:
        self._logger.emit(schema_id=CHANGED_EVENT, data={"resource": resource.value})
