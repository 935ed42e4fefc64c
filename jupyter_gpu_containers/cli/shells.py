"""``exec`` and ``logs``: inside a running kernel's container."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import os
import sys
from contextlib import aclosing
from typing import Any

from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.kernel.container import ContainerExit
from jupyter_gpu_containers.model.kernel.shell import title
from jupyter_gpu_containers.ports import Execution
from jupyter_gpu_containers.service.services import Services

from .completion import offer
from .kernels import KernelRow, running_kernel
from .outcome import Outcome
from .relay import relay, terminal_size

KERNEL_HELP = "id of a kernel or container, or the beginning of one; or the notebook's name or path"
# With a container all programs in it are killed: by SIGKILL, unless they were asked before.
KILLED = (128 + 9, 128 + 15, 128 + 1)
LATEST = 2.0  # seconds for the engine to tell that the container has ended
DEFAULT_TAIL = 200  # lines


def _add_common(parser: argparse.ArgumentParser) -> None:
    text = "container engine; default: the configuration's"
    parser.add_argument("--engine", metavar="URL", help=text)
    offer(parser.add_argument("kernel", metavar="KERNEL", help=KERNEL_HELP), "kernels")


def add_exec_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``exec`` takes."""
    parser.add_argument("-i", "--interactive", action="store_true", help="pass input on")
    parser.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    _add_common(parser)
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="default: a shell, at a terminal with -it",
    )


def add_logs_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``logs`` takes."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on until it ends")
    parser.add_argument(
        "--tail", type=int, default=DEFAULT_TAIL, metavar="N", help="lines to begin with"
    )
    _add_common(parser)


async def execute(services: Services, arguments: Any) -> Outcome:
    """``exec``: ends as the program does, or in words with the container."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    shell_here = not arguments.program and at_terminal
    interactive = arguments.interactive or shell_here
    tty = arguments.tty or shell_here
    if tty and not sys.stdin.isatty():
        raise InvalidRequestError("The input is not a terminal.", "Leave -t out.")
    try:
        row = await running_kernel(services, arguments.kernel)
        ended = services.backend.watch(row.container_id)
        execution = await services.backend.execute(
            row.container_id,
            arguments.program,
            terminal=terminal_size() if tty else None,
            term=os.environ.get("TERM"),
        )
    except GpuContainersError:
        _entitle(tty, arguments.kernel, ended=True)
        raise
    return await _attached(execution, row, ended, tty=tty, interactive=interactive)


async def _attached(
    execution: Execution,
    row: KernelRow,
    ended: concurrent.futures.Future[ContainerExit],
    *,
    tty: bool,
    interactive: bool,
) -> Outcome:
    called = row.notebook.rpartition("/")[2] or row.display_name
    _entitle(tty, called)
    try:
        signalled = await relay(execution, terminal=tty, interactive=interactive)
        if signalled:
            return _outcome(128 + signalled)
        code = await asyncio.to_thread(execution.exit_code)
    finally:
        await asyncio.shield(asyncio.to_thread(execution.close))
    if code is None or code in KILLED:
        end = await _end_of(ended)
        if end is not None or code is None:
            _entitle(tty, called, ended=True)
            begin = "\n" if tty else ""  # behind the shell's prompt
            print(f"{begin}{_reason(end)}, and this program with it.", file=sys.stderr)
            return _outcome(KILLED[0] if code is None else code)
    return _outcome(code or 0)


async def _end_of(ended: concurrent.futures.Future[ContainerExit]) -> ContainerExit | None:
    """Return how the container's run ended; None where it goes on."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(ended), LATEST)
    except (TimeoutError, asyncio.TimeoutError):
        return None


def _reason(end: ContainerExit | None) -> str:
    if end is not None and end.oom_killed:
        return "The kernel was killed because its memory was used up"
    if end is None or end.lost:
        return "The kernel was shut down"
    return "The kernel has ended or was restarted"


def _entitle(tty: bool, called: str, *, ended: bool = False) -> None:
    if tty and sys.stdout.isatty():
        sys.stdout.write(title(called, ended=ended))
        sys.stdout.flush()


def _outcome(status: int) -> Outcome:
    return Outcome({"status": status}, lambda style: "", status)


async def logs(services: Services, arguments: Any) -> Outcome:
    """``logs``: what was written, and with ``--follow`` what is written until the run ends."""
    if arguments.tail < 0:
        raise InvalidRequestError("--tail is a number of lines, 0 or more.")
    row = await running_kernel(services, arguments.kernel)
    follow = arguments.follow and not arguments.json
    reading = services.backend.stream_logs(row.container_id, tail=arguments.tail, follow=follow)
    text: list[str] = []
    async with aclosing(reading):
        async for part in reading:
            if arguments.json:
                text.append(part)
            else:
                sys.stdout.write(part)
                sys.stdout.flush()
    if follow:
        print("The kernel has ended or was restarted.", file=sys.stderr)
    return Outcome({"log": "".join(text)}, lambda style: "")
