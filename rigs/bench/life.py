"""A kernel's life as a page sees it, through a Jupyter server: start, interrupt, restart, end."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from time import perf_counter
from typing import Any

from tornado.httpclient import HTTPError

from . import contenders as c
from .bench import Bench
from .contenders import Contender
from .rounds import Case, Sample, interleave
from .server import Channel, Server

WITH_EXTENSION = "native, server with the extension"
MARK = "mark = 1"
UNMARKED = "assert 'mark' not in globals(), 'the old kernel still answers'"
SLEEP = "print('begun', flush=True)\nimport time\ntime.sleep(60)"
PEERS_EVERY = 2  # rounds: each of their lives takes seconds
# a peer whose kernel does not come back is not waited for longer than need be
IMPATIENT = "--MappingKernelManager.kernel_info_timeout=15"


async def measure(bench: Bench) -> dict[str, Any]:
    """Let kernels live on servers of their own, one at a time."""
    contenders = await bench.contenders()
    quiet = Contender(WITH_EXTENSION, c.NATIVE, settings={"network": "none"})
    lives = {one.title: Lives(bench, one) for one in [contenders[0], quiet, *contenders[1:]]}
    try:
        for one in lives.values():
            await one.open()
        cases: dict[str, Case] = {title: partial(one.sample) for title, one in lives.items()}
        every = {one.title: PEERS_EVERY for one in contenders if one.peer}
        samples = await interleave(cases, bench.rounds, bench.gate, every=every)
    finally:
        for one in lives.values():
            one.close()
    steps = {title: one.failed for title, one in lives.items() if one.failed}
    return {**asdict(samples), "failed_steps": steps}


class Lives:
    """One contender's server, and what kernels on it cannot do."""

    def __init__(self, bench: Bench, contender: Contender) -> None:
        self._bench = bench
        self._contender = contender
        self._server: Server | None = None
        self.failed: dict[str, str] = {}  # by step, in whose words

    async def open(self) -> Server:
        """Start the server, unless it runs."""
        if self._server is None:
            contender = self._contender
            self._server = Server(
                self._bench.place,
                "server",
                *([IMPATIENT] if contender.peer else []),
                extension=contender.settings is not None,
                python=contender.python,
                env=contender.environment(self._bench.place),  # names its configuration's folder
            )
            await self._server.ready()
        return self._server

    def close(self) -> None:
        """End the server."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    async def sample(self) -> Sample:
        """Let one kernel live; what a peer cannot do is tried once."""
        server = await self.open()
        failed = len(self.failed)
        try:
            began = perf_counter()
            model = await server.request("POST", "/api/kernels", {"name": self._contender.kernel})
            posted = perf_counter() - began
            sample = {"post": posted}
            try:
                await self._live(server, model["id"], began, sample)
            finally:
                before = perf_counter()
                try:
                    await server.request("DELETE", f"/api/kernels/{model['id']}")
                except (HTTPError, OSError):
                    if len(self.failed) == failed:
                        raise
                if len(self.failed) == failed:
                    sample["shutdown"] = perf_counter() - before
            return sample
        finally:
            if len(self.failed) > failed:  # nothing is known of the server's state
                self.close()
            await self._bench.after(self._contender)

    async def _live(self, server: Server, kernel: str, began: float, sample: Sample) -> None:
        channel = await server.connect(kernel)
        try:
            sample["websocket"] = perf_counter() - began
            await self._answer(channel)
            sample["answer"] = perf_counter() - began
            if self._contender.settings is not None:
                sample |= await server.phases(kernel)
            await self._answer(channel, MARK)
            if not await self._step("interrupt", self._interrupt(server, kernel, channel), sample):
                return
        finally:
            channel.close()
        await self._bench.refilled(self._contender, running=1)
        await self._step("restart", self._restart(server, kernel), sample)

    async def _step(self, name: str, doing: Any, sample: Sample) -> bool:
        """Do a step unless it failed before; tell whether it succeeded, or was left out."""
        if name in self.failed:
            doing.close()
            return True
        try:
            sample |= await doing
        except (HTTPError, OSError, AssertionError) as exc:
            if not self._contender.peer:
                raise
            self.failed[name] = str(exc) or repr(exc)
            return False
        return True

    async def _interrupt(self, server: Server, kernel: str, channel: Channel) -> Sample:
        sleeping = await channel.execute(SLEEP)
        await channel.message("stream", sleeping)
        began = perf_counter()
        await server.request("POST", f"/api/kernels/{kernel}/interrupt", {})
        content = await channel.message("execute_reply", sleeping)
        took = perf_counter() - began
        assert content.get("ename") == "KeyboardInterrupt", f"the cell ended as {content}"
        return {"interrupt": took}

    async def _restart(self, server: Server, kernel: str) -> Sample:
        began = perf_counter()
        await server.request("POST", f"/api/kernels/{kernel}/restart", {})
        asked = perf_counter() - began
        channel = await server.connect(kernel)
        try:
            await self._answer(channel)
            took = perf_counter() - began
            # a kernel that only looks new is none
            await self._answer(channel, UNMARKED)
        finally:
            channel.close()
        return {"restart": took, "restart request": asked}

    async def _answer(self, channel: Channel, code: str = "1+1") -> None:
        await channel.ask("kernel_info_request", {})
        content = await channel.message("execute_reply", await channel.execute(code))
        assert content["status"] == "ok", f"{content.get('ename')}: {content.get('evalue')}"
