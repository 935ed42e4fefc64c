"""When a container that waits can be exchanged for the one of a cold start."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network
from jupyter_gpu_containers.model.kernel.spare import (
    HANDED_OVER,
    SPARE,
    Handover,
    handed_over,
    key,
    waiting,
)

COLD = ContainerSpec(
    image="sha256:1",
    command=("python3", "quick_start.py", "-f", "/run/x/connection.json"),
    name="n1",
    user="1:1",
    working_dir="/work/a",
    labels=labels.make_labels(
        purpose="kernel", owner="o", user="ada", kernel_id="k", notebook="a.ipynb"
    ),
    env={"HOME": "/home/kernel", "JPY_SESSION_NAME": "/work/a.ipynb", "OWN": "1"},
    mounts=(Mount("/work", "/work"),),
)
VARIABLES = handed_over(["JPY_SESSION_NAME"])
OTHER: dict[str, Any] = {
    "image": "sha256:2",
    "command": ("python3",),
    "name": "n2",
    "user": "2:2",
    "working_dir": "/work/b",
    "labels": {**COLD.labels, labels.ENVIRONMENT: "e"},
    "env": {**COLD.env, "OWN": "2"},
    "mounts": (Mount("/work", "/work", read_only=True),),
    "folders": ("/f",),
    "gpus": ("GPU-1",),
    "memory": 1,
    "shm_size": 1,
    "pids_limit": 1,
    "cap_add": ("CHOWN",),
    "network": Network.NONE,
    "hostname": "h",
}


@pytest.mark.parametrize("name", [field.name for field in fields(ContainerSpec)])
def test_every_field_is_compared_or_handed_over(name: str) -> None:
    """A field that comes later fails here until somebody has decided what it is."""
    other = replace(COLD, **{name: OTHER[name]})
    assert other != COLD
    assert (key(other, VARIABLES) == key(COLD, VARIABLES)) == (name in HANDED_OVER)


@pytest.mark.parametrize("label", labels.SIGNED)
def test_of_the_labels_only_the_notebook_and_the_purpose_may_differ(label: str) -> None:
    other = replace(COLD, labels={**COLD.labels, label: "another"})
    same = label in (labels.NOTEBOOK, labels.PURPOSE)
    assert (key(other, VARIABLES) == key(COLD, VARIABLES)) == same


def test_of_the_variables_only_those_that_are_handed_over() -> None:
    for env in ({"JPY_SESSION_NAME": "b"}, {}):
        other = replace(COLD, env={**COLD.env, "JPY_SESSION_NAME": "", **env})
        assert key(other, VARIABLES) == key(COLD, VARIABLES)
    assert key(replace(COLD, env={**COLD.env, "MORE": "1"}), VARIABLES) != key(COLD, VARIABLES)


def test_what_waits_has_nothing_of_a_kernel_and_fits_it() -> None:
    spare = waiting(COLD, VARIABLES, "/work")
    assert spare.labels == {
        **{k: v for k, v in COLD.labels.items() if k != labels.NOTEBOOK},
        labels.PURPOSE: SPARE,
    }
    assert (spare.env, spare.working_dir) == ({"HOME": "/home/kernel", "OWN": "1"}, "/work")
    assert key(spare, VARIABLES) == key(COLD, VARIABLES)


def test_what_an_interpreter_reads_at_its_start_cannot_be_handed_over() -> None:
    names = ["JPY_SESSION_NAME", "HF_TOKEN", "PYTHONPATH", "LD_PRELOAD", "TZ", "LANG", "LC_ALL"]
    assert handed_over(names) == {"JPY_SESSION_NAME", "HF_TOKEN"}


def test_what_is_told() -> None:
    told = json.loads(Handover("/work/ä", {"A": "b"}).to_json())
    assert told == {"cwd": "/work/ä", "env": {"A": "b"}}
