"""What stands at the end of each command's help: examples to type, and exit codes of its own."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

EXAMPLES: dict[str, tuple[str, ...]] = {
    "status": ("status", "status --json"),
    "gpus": ("gpus", "gpus --json"),
    "limits": ("limits",),
    "images": ("images",),
    "catalogue": ("catalogue",),
    "search": ("search pytorch --limit 10",),
    "tags": ("tags nvcr.io/nvidia/pytorch --contains py3",),
    "inspect": ("inspect nvcr.io/nvidia/pytorch:25.08-py3",),
    "pull": ("pull nvcr.io/nvidia/pytorch:25.08-py3",),
    "push": ("push registry.example.org/team/image:1",),
    "build": (
        "build -t team/image:1",
        "build -t team/image:1 --base python:3.12 --requirements requirements.txt",
        "build -t team/image:1 --secret id=token,src=token.txt",
    ),
    "tag": ("tag team/image:1 registry.example.org/team/image:1",),
    "rmi": ("rmi team/image:1",),
    "login": (
        "login nvcr.io",
        "login registry.example.org -u anna --password-stdin < token.txt",
    ),
    "logout": ("logout nvcr.io",),
    "registries": ("registries",),
    "verdict": (
        "verdict pytorch/pytorch",
        "verdict nvcr.io/nvidia/pytorch:25.08-py3 --host planned.json",
        "verdict --image-config config.json --host planned.json",
    ),
    "environments": ("environments list",),
    "environments add": (
        "environments add pytorch/pytorch --name torch --gpus 1 --memory 16g",
        "environments add pytorch/pytorch --name small --gpu-profile 1g.10gb",
        "environments add pytorch/pytorch --name pair --gpus device=0,2",
    ),
    "environments list": ("environments list",),
    "environments show": ("environments show torch",),
    "environments remove": ("environments remove torch",),
    "runtime": ("runtime list",),
    "runtime prepare": ("runtime prepare --image debian:12", "runtime prepare --python 3.11"),
    "runtime list": ("runtime list",),
    "runtime bundle": ("runtime bundle kernels.tar.gz",),
    "runtime load": ("runtime load kernels.tar.gz",),
    "ps": ("ps", "ps --gpus", "ps --json"),
    "queue": ("queue",),
    "report": (
        "report --since 7d",
        "report --since 2026-11-01 --by notebook",
        "report --since 12h --by kernel --csv > use.csv",
    ),
    "start": (
        "start torch",
        "start --image pytorch/pytorch --gpus 1 --no-wait",
        "start torch --gpus device=0,2",
        "start torch --detach --json",
    ),
    "launches": ("launches", "launches 3f2a", "launches --json"),
    "start-on-cpu": ("start-on-cpu 3f2a",),
    "keep-alive": ("keep-alive train.ipynb",),
    "jobs": ("jobs", "jobs 3f2a"),
    "cancel": ("cancel 3f2a",),
    "spares": ("spares", "spares --give-up"),
    "events": (
        "events",
        "events --kind launch --kind job",
        "events --json | jq -r .event",
    ),
    "stop": ("stop 3f2a", "stop --all"),
    "run": (
        "run train.ipynb -o result.ipynb -e torch --gpus 2 --memory 16g",
        "run train.ipynb --inplace",
    ),
    "exec": ("exec -it train.ipynb", "exec 3f2a nvidia-smi"),
    "logs": ("logs -f train.ipynb", "logs --tail 20 3f2a"),
    "commit": ("commit train.ipynb --preview", "commit train.ipynb team/image:2"),
    "completion": ("completion bash", "completion zsh", "completion fish"),
    "doctor": ("doctor", "doctor --json", "doctor --report report.zip"),
}
ENDED = {
    129: "ended by SIGHUP: its terminal was closed",
    130: "ended by Ctrl-C",
    143: "ended by SIGTERM",
}
CODES: dict[str, dict[int, str]] = {
    "status": {1: "the engine does not answer"},
    "doctor": {1: "there is a problem"},
    "start": {4: "as many GPUs are not free, with --no-wait; or too many wait already"},
    "run": {
        3: "a cell failed",
        4: "as many GPUs are not free, within the time of the setting wait_for_gpus",
    },
    "exec": {0: "as the program, whatever it is"},
}
COMMON = {0: "done", 1: "failed", 2: "the command line cannot be understood"}


def add_examples(parser: argparse.ArgumentParser) -> None:
    """Put its examples and exit codes under the help of every command below a parser."""
    for name, sub in below(parser):
        lines = [f"  {parser.prog} {line}" for line in EXAMPLES.get(name, ())]
        codes = {**COMMON, **CODES.get(name, {}), **ENDED}
        rows = [f"  {code:<4} {text}" for code, text in sorted(codes.items())]
        sub.epilog = "\n".join(["examples:", *lines, "", "exit codes:", *rows])
        sub.formatter_class = argparse.RawDescriptionHelpFormatter


def below(
    parser: argparse.ArgumentParser, before: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the commands of a parser, and theirs, each with its words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield f"{before}{name}", sub
                yield from below(sub, f"{before}{name} ")
