"""Command line: ``jupyter gpu-containers``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence

from jupyter_gpu_containers.errors import GpuContainersError

from .outcome import INTERRUPTED, Outcome, end_at_next_interrupt, status_of
from .parser import Arguments, parse
from .tables import Style


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done; 1: failed, or `doctor` found a problem; 2: the command cannot be understood; 3: a cell
    of `run` failed; 4: its GPUs are busy; 130: it was interrupted; 143: it was terminated.
    Failures are two lines on standard error, ``error: …`` and ``hint: …``; with ``--json`` they are
    an object ``{code, message, hint}`` on standard output.
    """
    arguments = parse(argv)
    try:
        outcome = asyncio.run(_run(arguments))
    except GpuContainersError as exc:
        _complain(exc, as_json=arguments.json)
        return status_of(exc)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _unread()
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


async def _run(arguments: Arguments) -> Outcome:
    from jupyter_gpu_containers.config import (
        load_services,  # after the command line is known to be understood
    )

    services = await asyncio.to_thread(load_services, arguments.config, arguments.engine)
    try:
        return await arguments.command(services, arguments)
    except asyncio.CancelledError:
        end_at_next_interrupt()
        raise
    finally:
        services.close()


def _complain(error: GpuContainersError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.as_dict(), indent=2, ensure_ascii=False))
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
