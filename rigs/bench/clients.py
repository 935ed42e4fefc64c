"""Client processes, one a contender, which start kernels through jupyter_client when told."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .contenders import Contender
from .place import Place

PROGRAM = Path(__file__).with_name("driver.py")
PATIENCE = 150.0  # seconds for an answer; what it does has shorter limits of its own


class FailedError(Exception):
    """A contender could not do what was asked; in its own words."""


class Client:
    """One client process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @staticmethod
    async def open(place: Place, contender: Contender) -> Client:
        """Start it and have it import what it needs."""
        log = (place.folder / "clients.log").open("ab")
        options = {"--polite": contender.polite, "--warm": contender.spares > 0}
        chosen = [name for name, wanted in options.items() if wanted]
        with log:
            process = await asyncio.create_subprocess_exec(
                *(contender.python, str(PROGRAM), contender.kernel, *chosen),
                cwd=place.workspace,
                env=contender.environment(place),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        client = Client(process)
        try:
            await client.ask("prepare")
        except BaseException:
            await client.close()
            raise
        return client

    async def ask(self, what: str, **options: Any) -> dict[str, Any]:
        """Have something done; return its figures.

        Raises
        ------
        FailedError
            It could not be done.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **options}).encode() + b"\n")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        except (asyncio.TimeoutError, TimeoutError):
            raise FailedError(f"no answer in {PATIENCE:.0f} s") from None
        if not line:
            raise FailedError("its process ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise FailedError(answer["error"])
        return answer

    async def close(self) -> None:
        """End the process and, where it still can, its kernels."""
        if self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE)
        except (asyncio.TimeoutError, TimeoutError):
            self._process.kill()
            await self._process.wait()


class Clients:
    """The client processes of a part, which are kept from round to round where that works."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._open: dict[str, Client] = {}

    @asynccontextmanager
    async def of(self, contender: Contender) -> AsyncIterator[Client]:
        """Lend a contender's process; one in which something failed is not used again."""
        client = self._open.pop(contender.title, None)
        if client is None:
            client = await Client.open(self._place, contender)
        good = False
        try:
            yield client
            good = True
        finally:
            if good and not contender.fresh:
                self._open[contender.title] = client
            else:
                await client.close()

    async def close(self) -> None:
        """End them all."""
        for client in self._open.values():
            await client.close()
        self._open.clear()
