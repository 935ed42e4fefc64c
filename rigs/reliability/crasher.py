"""A server extension that lets its server die at a named point, from when it is told so.

``GET /crash`` gives the time at which the extensions of the server were loaded; ``PUT /crash`` with
``{"point": "claim.created:2"}`` arms a point of `service.recovery.crashpoints`.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyter_gpu_containers.service.recovery.crashpoints import VARIABLE


class Crash(JupyterHandler):
    """Tells, and arms."""

    @web.authenticated
    def get(self) -> None:
        """Return when this server's extensions were loaded, in seconds since the epoch."""
        self.finish({"loaded": self.settings["loaded"]})

    @web.authenticated
    def put(self) -> None:
        """Die at a point that is reached from now on."""
        os.environ[VARIABLE] = json.loads(self.request.body)["point"]
        self.set_status(204)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "rigs.reliability.crasher"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    serverapp.web_app.settings["loaded"] = time.time()
    address = url_path_join(serverapp.web_app.settings["base_url"], "crash")
    serverapp.web_app.add_handlers(".*$", [(address, Crash)])
