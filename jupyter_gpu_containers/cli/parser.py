"""The words of the command line, and what they mean."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

from jupyter_gpu_containers import __version__
from jupyter_gpu_containers.service.services import Services

from . import commands, machine
from .commits import add_commit_arguments, commit
from .completion import SHELLS, offer, script
from .environments import add_environment_words
from .examples import add_examples
from .gpus import gpus
from .image_parser import add_image_words
from .notebooks import add_run_arguments, run
from .outcome import Outcome
from .report import add_report_arguments, report
from .runtime import add_runtime_words
from .server_parser import add_server_words
from .shells import add_exec_arguments, add_logs_arguments, execute, logs
from .verdict import add_verdict_arguments, verdict

PROGRAM = "jupyter gpu-containers"
EPILOG = """\
examples:
  jupyter gpu-containers pull nvcr.io/nvidia/pytorch:25.08-py3
  jupyter gpu-containers environments add nvcr.io/nvidia/pytorch:25.08-py3 --name torch --gpus 1
  jupyter gpu-containers run train.ipynb -o result.ipynb -e torch --gpus 2 --memory 16g
  jupyter gpu-containers ps --gpus
  jupyter gpu-containers report --since 7d --by user
  eval "$(jupyter gpu-containers completion bash)"

exit codes:
  0    done
  1    failed: two lines on standard error say why and what to do; with --json an object
       {code, message, hint} on standard output
  2    the command line cannot be understood
  3    run: a cell failed
  4    run, start: as many GPUs are not free
  129  ended by SIGHUP: its terminal was closed
  130  ended by Ctrl-C
  143  ended by SIGTERM
  exec ends with the code of its program.

environment:
  NO_COLOR       no colours, where it is not empty (https://no-color.org)
  JUPYTER_TOKEN  of the server that --server names
  JUPYTER_GPU_CONTAINERS_GPUS, …_MEMORY, …_SHM_SIZE
                 of one run of papermill, jupyter execute and others: as the options of run
"""
Command = Callable[[Services, Any], Awaitable[Outcome]]


class Arguments(argparse.Namespace):
    """What was typed; each command reads its own fields."""

    command: Command
    json: bool
    config: str | None
    print_completion: bool = False
    shell: str
    engine: str | None = None  # counts before the configuration's


async def _doctor(services: Services, arguments: Any) -> Outcome:
    from .doctor import doctor  # loads Jupyter's programs, which takes a while

    return await doctor(services, arguments)


class _Parser(argparse.ArgumentParser):
    """Says what was meant, and where to look, instead of all that there is."""

    def error(self, message: str) -> NoReturn:
        """Leave the program with status 2."""
        unknown = re.match(r".*invalid choice: '(.*)' \(choose from (.{90,})\)", message, re.DOTALL)
        if unknown:
            choices = re.findall(r"[a-z-]+", unknown[2])
            close = difflib.get_close_matches(unknown[1], choices, n=3)
            meant = f" Did you mean {' or '.join(close)}?" if close else ""
            message = f"there is no command “{unknown[1][:40]}”.{meant}"
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\nhint: {self.prog} --help\n")


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """Read the command line; leaves the program with status 2 when it cannot be understood."""
    parser = _parser()
    arguments = parser.parse_args(argv, namespace=Arguments())
    if arguments.print_completion:
        print(script(parser, arguments.shell))
        raise SystemExit(0)
    return arguments


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    config = common.add_argument(
        "--config", metavar="FILE", help="configuration file; default: Jupyter's search path"
    )
    offer(config, "files")
    parser = _Parser(
        prog=PROGRAM,
        description="Jupyter kernels in containers on GPUs of their own.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    words = parser.add_subparsers(metavar="COMMAND", required=True)

    def word(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        sub = words.add_parser(name, parents=[common], help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    word("status", machine.status, "Tell whether the engine answers, and which servers run.")
    word("gpus", gpus, "Show the GPUs of this machine and who holds them.")
    word("limits", machine.limits, "Show what a kernel gets by default, and may have at most.")
    add_image_words(word)
    word("registries", machine.registries, "Show the registries with a login.")
    text = "Tell whether an image runs on this machine, or on one that is planned."
    add_verdict_arguments(word("verdict", verdict, text))
    add_environment_words(words, common)
    add_runtime_words(words, common)
    ps = word("ps", commands.ps, "Show the containers of kernels, and who waits for GPUs.")
    ps.add_argument("--gpus", action="store_true", help="only those that hold GPUs")
    word("queue", commands.queue, "Show who waits for GPUs, in order.")
    add_server_words(word)
    text = "Tell what GPUs were used for: time held and used, and energy, by user or notebook."
    add_report_arguments(word("report", report, text))
    stop = word("stop", commands.stop, "End kernels and remove their containers.")
    which = stop.add_mutually_exclusive_group(required=True)
    targets = which.add_argument(
        "targets",
        nargs="*",
        default=[],
        metavar="KERNEL_OR_CONTAINER",
        help="id of a kernel or container, or the beginning of one; or a container's name",
    )
    offer(targets, "stoppable")
    which.add_argument("--all", action="store_true", help="all that are yours")
    text = "Run a notebook to its end in a container of an environment; Ctrl-C cancels."
    add_run_arguments(word("run", run, text))
    text = "Run a program in a running kernel's container; by default a shell."
    add_exec_arguments(word("exec", execute, text))
    text = "Show what a kernel's container has written."
    add_logs_arguments(word("logs", logs, text))
    text = "Make an image of a running kernel's container, with what was installed in it."
    add_commit_arguments(word("commit", commit, text))
    text = "Print what has a shell complete commands, options and names: eval it in its start file."
    completion = words.add_parser("completion", parents=[common], help=text, description=text)
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(print_completion=True)
    doctor = word("doctor", _doctor, "Check everything that kernels in containers need.")
    report_ = doctor.add_argument(
        "--report",
        metavar="FILE",
        nargs="?",
        const="",
        help="also write a zip file for a bug report, without secrets, names and folders",
    )
    offer(report_, "files")
    add_examples(parser)
    return parser
