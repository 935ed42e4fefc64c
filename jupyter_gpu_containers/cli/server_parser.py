"""The words of the command line that a running Jupyter server answers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from . import events, jobs, launches, spares
from .completion import offer

Word = Callable[[str, Any, str], argparse.ArgumentParser]
SERVER_HELP = (
    "address of a Jupyter server; default: yours on this machine. Another's token is read from "
    "the variable JUPYTER_TOKEN"
)


def add_server_words(word: Word) -> None:
    """Add them; ``word(name, command, help)`` makes the parser of one."""

    def asking(name: str, command: Any, text: str) -> argparse.ArgumentParser:
        parser = word(name, command, text)
        offer(parser.add_argument("--server", metavar="URL", help=SERVER_HELP), "servers")
        return parser

    text = "Start a kernel in a running Jupyter server; Ctrl-C before it runs cancels."
    launches.add_start_arguments(asking("start", launches.start, text))
    text = "Show the kernels that running servers have started, and how."
    launches.add_launches_arguments(asking("launches", launches.launches, text))
    text = "Start a launch that waits for GPUs now, on the CPU."
    launches.add_launch_argument(asking("start-on-cpu", launches.start_on_cpu, text), "waiting")
    text = "Use a running kernel, so that it is not stopped for being idle."
    launches.add_launch_argument(asking("keep-alive", launches.keep_alive, text), "running")
    text = "Show what running servers fetch, send, build and commit."
    jobs.add_jobs_arguments(asking("jobs", jobs.jobs, text))
    text = "Cancel a job of a running server, or a launch before it runs."
    jobs.add_cancel_arguments(asking("cancel", jobs.cancel, text))
    text = "Show the containers that wait for the next kernels, or give them up."
    spares.add_spares_arguments(asking("spares", spares.spares, text))
    text = "Follow what happens in running servers, one line each, until Ctrl-C."
    events.add_events_arguments(asking("events", events.events, text))
