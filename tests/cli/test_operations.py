"""Every operation of openapi.yaml has a command, or a reason why it has none."""

from __future__ import annotations

import argparse

import pytest

from jupyter_gpu_containers.cli.parser import _parser
from jupyter_gpu_containers.web.contract import document

METHODS = {"get", "put", "post", "patch", "delete"}
# an operation that comes new: add its command here
COMMANDS = {
    ("get", "/status"): "status",
    ("get", "/gpus"): "gpus",
    ("get", "/limits"): "limits",
    ("get", "/report"): "report",
    ("get", "/images"): "images",
    ("post", "/images"): "tag a b",
    ("get", "/images/{reference}"): "inspect a",
    ("delete", "/images/{reference}"): "rmi a",
    ("get", "/catalogue"): "catalogue",
    ("get", "/search"): "search a",
    ("get", "/registries"): "registries",
    ("get", "/registries/{host}/tags"): "tags a",
    ("post", "/registries/{host}/login"): "login a",
    ("delete", "/registries/{host}/login"): "logout a",
    ("get", "/jobs"): "jobs",
    ("post", "/jobs"): "pull a",  # and push, build, commit: one for each kind
    ("get", "/jobs/{id}"): "jobs a",
    ("delete", "/jobs/{id}"): "cancel a",
    ("get", "/environments"): "environments list",
    ("post", "/environments"): "environments add a",
    ("get", "/environments/{name}"): "environments show a",
    ("delete", "/environments/{name}"): "environments remove a",
    ("get", "/spares"): "spares",
    ("delete", "/spares"): "spares --give-up",
    ("get", "/launches"): "launches",
    ("post", "/launches"): "start a",
    ("get", "/launches/{id}"): "launches a",
    ("patch", "/launches/{id}"): "start-on-cpu a",
    ("delete", "/launches/{id}"): "stop a",  # and cancel, before the kernel runs
    ("post", "/launches/{id}/keep-alive"): "keep-alive a",
    ("get", "/launches/{id}/changes"): "commit a --preview",
    ("get", "/launches/{id}/log"): "logs a -f",
}
WITHOUT = {
    ("post", "/launches/{id}/terminals"): "a terminal of JupyterLab's; here it is `exec -it`",
}


def test_every_operation_has_a_command() -> None:
    operations = {
        (method, path)
        for path, item in document()["paths"].items()
        for method in METHODS & set(item)
    }
    assert set(COMMANDS) | set(WITHOUT) == operations
    assert not set(COMMANDS) & set(WITHOUT)


@pytest.mark.parametrize("line", [*COMMANDS.values(), "push a", "build -t a", "commit a b"])
def test_the_command_is_there(line: str) -> None:
    assert callable(_parser().parse_args(line.split()).command)


def test_every_kind_of_job_has_a_command() -> None:
    kinds = document()["components"]["schemas"]["NewJob"]["properties"]["kind"]["enum"]
    (words,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(kinds) <= set(words.choices)
