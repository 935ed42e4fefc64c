"""Command line: ``jupyter gpu-containers``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_gpu_containers.errors import GpuContainersError

from . import ending
from .outcome import INTERRUPTED, Outcome, status_of
from .tables import Style

if TYPE_CHECKING:
    from .parser import Arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done; 1: failed, or `doctor` found a problem; 2: the command cannot be understood; 3: a cell
    of `run` failed; 4: its GPUs are busy; 129: ended by SIGHUP; 130: by Ctrl-C; 143: by SIGTERM.
    Failures are two lines on standard error, ``error: …`` and ``hint: …``; with ``--json`` they are
    an object ``{code, message, hint}`` on standard output.
    """
    ending.forget()
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["complete"]:  # asked by a shell at Tab: without what takes long to load
            from .names import complete

            return complete(words[1:])
        from .parser import parse  # loads most of the package: here Ctrl-C is no traceback

        arguments = parse(argv)
        outcome = asyncio.run(_run(arguments))
    except GpuContainersError as exc:
        _complain(exc, as_json=arguments.json)
        return status_of(exc)
    except KeyboardInterrupt:
        return ending.status() or INTERRUPTED
    except BrokenPipeError:
        return _unread()
    if outcome is None:
        return ending.status() or INTERRUPTED
    try:
        if arguments.json:
            print(json.dumps(outcome.json, indent=2, ensure_ascii=False))
        else:
            text = outcome.text(Style.of(sys.stdout))
            print(text, end="\n" if text else "")
        sys.stdout.flush()
    except BrokenPipeError:  # `… | head`: the reader has seen enough
        _unread()
    return outcome.status


def _unread() -> int:
    """Write nothing more, also not what is kept to be written at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


async def _run(arguments: Arguments) -> Outcome | None:
    """Run a command; None where a signal has ended it."""
    from jupyter_gpu_containers.config import (
        load_services,  # after the command line is known to be understood
    )

    task = asyncio.current_task()
    assert task is not None
    with ending.on_signal(task.cancel):
        try:
            services = await asyncio.to_thread(load_services, arguments.config, arguments.engine)
            try:
                return await arguments.command(services, arguments)
            finally:
                services.close()
        except asyncio.CancelledError:
            if ending.status() is None:
                raise
            return None


def _complain(error: GpuContainersError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.as_dict(), indent=2, ensure_ascii=False))
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
