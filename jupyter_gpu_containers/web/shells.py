"""``/gpu-containers/launches/{id}/terminals`` and ``…/log``: inside a kernel's container."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_gpu_containers.errors import TerminalsUnavailableError, UnavailableError
from jupyter_gpu_containers.model.kernel.launch import Launch
from jupyter_gpu_containers.model.kernel.shell import Program
from jupyter_gpu_containers.service.kernel.shells import is_terminal_of_ours, terminal_name

from .base import BaseHandler

TERMINALS = "terminals"  # Jupyter's name of the resource
TEXT = "text/plain; charset=utf-8"


class TerminalsHandler(BaseHandler):
    """Shells in a kernel's container."""

    @web.authenticated
    @authorized
    async def post(self, launch_id: str) -> None:
        """Open one more, as an ordinary terminal of Jupyter's."""
        for action in ("write", "execute"):
            await self._check(action)
        launches = self.services.launches
        program = await self.services.shells.program(launches.running(launch_id))
        name = self._open(program, launches.get(launch_id))
        self.set_status(201)
        self.set_header("Location", url_path_join(self.base_url, "api/terminals", name))
        self.finish({"name": name})

    async def _check(self, action: str) -> None:
        """Raise 403 unless this user may do so with terminals, too."""
        user = self.current_user
        if not await ensure_async(self.authorizer.is_authorized(self, user, action, TERMINALS)):
            raise web.HTTPError(403)

    def _open(self, program: Program, launch: Launch) -> str:
        manager = self.settings.get("terminal_manager")
        if manager is None:
            raise TerminalsUnavailableError(
                "This Jupyter server offers no terminals.",
                "They are switched off (c.ServerApp.terminals_enabled = False), or the package "
                "jupyter_server_terminals is not there.",
            )
        keep_names(manager)
        options = {"extra_env": program.env, "cwd": program.cwd, "name": terminal_name(launch)}
        name = str(manager.create(shell_command=list(program.argv), **options)["name"])
        # as Jupyter keeps its last_activity there: gone with the terminal
        manager.terminals[name].gpu_containers_kernel = launch.id
        return name


class LogHandler(BaseHandler):
    """What a kernel's container writes."""

    _sending: asyncio.Future[None] | None = None

    @web.authenticated
    @authorized
    async def get(self, launch_id: str) -> None:
        """Send the last lines, and with ``follow`` what follows until the container ends."""
        asked, launch = self.query("/launches/{id}/log"), self.services.launches.get(launch_id)
        follow = bool(asked["follow"])
        await self._stream(
            await self.services.shells.log(launch, tail=asked["tail"], follow=follow)
        )

    async def _stream(self, log: AsyncGenerator[str, None]) -> None:
        """Send all of it, and finish; no longer than somebody is there."""
        self.set_header("Content-Type", TEXT)
        self.set_header("X-Accel-Buffering", "no")  # a proxy that waits for more shows nothing
        self._sending = asyncio.ensure_future(self._send(log))
        await asyncio.wait({self._sending})
        if not self._sending.cancelled():
            self._sending.result()
            self.finish(set_content_type=TEXT)

    async def _send(self, log: AsyncGenerator[str, None]) -> None:
        async with aclosing(log):
            try:
                await self.flush()  # the page knows that it follows, also a silent kernel
                async for text in log:
                    self.write(text)
                    await self.flush()  # no faster than the page reads
            except StreamClosedError:
                return
            except UnavailableError as exc:  # the answer has begun: it can only end
                self.log.warning("a log ends early: %s", exc)

    def on_connection_close(self) -> None:
        """Read no more when nobody is there."""
        if self._sending is not None:
            self._sending.cancel()
        super().on_connection_close()


def terminal_activity(manager: Any, kernel_id: str) -> list[datetime]:
    """Return when something was last typed or printed in each terminal in a kernel's container.

    Jupyter notes it; a page that opens such a terminal is noted, too, and one that only shows it is
    not.

    Parameters
    ----------
    manager : jupyter_server_terminals.TerminalManager or None
        None: the server offers no terminals.
    """
    return [
        terminal.last_activity
        for terminal in (manager.terminals.values() if manager else ())
        if getattr(terminal, "gpu_containers_kernel", None) == kernel_id
    ]


def keep_names(manager: Any) -> None:
    """Have no shell of the server's own bear the name of one in a container.

    A page that restores its terminals has those made anew that are gone. What is typed there is
    meant for a container.
    """
    if getattr(manager.create, "keeps_names", False):
        return
    make = manager.create

    def create(**options: Any) -> Any:
        name = str(options.get("name") or "")
        if is_terminal_of_ours(name) and "shell_command" not in options:
            raise web.HTTPError(404, f"The terminal {name} ended with its container.")
        return make(**options)

    create.keeps_names = True  # type: ignore[attr-defined]
    manager.create = create
