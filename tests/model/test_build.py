"""Requests of builds: what is refused, and the plan of what is not."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_gpu_containers.errors import InvalidImageReferenceError, InvalidRequestError
from jupyter_gpu_containers.model.image.build import (
    SECRET_LIMIT,
    BuildPlan,
    BuildRequest,
    make_plan,
)

BASE = "python:3.12"


def plan_of(**fields: Any) -> BuildPlan:
    request = BuildRequest(**{"tag": "team/image:1"} | fields)
    folder = None if request.folder is None else f"/w/{request.folder}"
    return make_plan(request, folder, 1 << 20)


def test_a_dockerfile_is_a_context_of_its_own() -> None:
    plan = plan_of(dockerfile="FROM x\n", tag="docker.io/library/mine")
    assert (plan.tag, plan.dockerfile, plan.folder) == ("mine:latest", "Dockerfile", None)
    assert plan.files == {"Dockerfile": b"FROM x\n"}


def test_a_folder_s_dockerfile_may_be_anywhere_in_it() -> None:
    plan = plan_of(folder="site", file="./gpu/Dockerfile")
    assert (plan.folder, plan.dockerfile, plan.files) == ("/w/site", "gpu/Dockerfile", {})


@pytest.mark.parametrize("kind", ["requirements", "environment"])
def test_additions_to_a_base(kind: str) -> None:
    text = "dependencies: [numpy]"
    plan = plan_of(**{kind: text, "base": BASE})
    dockerfile = plan.files["Dockerfile"].decode()
    assert dockerfile.splitlines()[0] == f"FROM {BASE}"
    name = {"requirements": "requirements.txt", "environment": "environment.yml"}[kind]
    assert sorted(plan.files) == sorted(["Dockerfile", "install.sh", name])
    assert plan.files[name] == b"dependencies: [numpy]\n"
    assert f"COPY {name} install.sh " in dockerfile


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dockerfile": "FROM x", "folder": "a"},
        {"requirements": "x", "environment": "dependencies: []", "base": BASE},
        {"requirements": "x"},
        {"environment": "dependencies: []"},
        {"dockerfile": "FROM x", "base": BASE},
        {"folder": "a", "file": "../Dockerfile"},
        {"folder": "a", "file": "/etc/passwd"},
        {"folder": "a", "file": "a/../../b"},
        {"folder": "a", "file": "."},
        {"folder": "a", "file": "x\0"},
        {"dockerfile": "FROM x", "secrets": {"a b": b""}},
        {"dockerfile": "FROM x", "secrets": {"a,src=/etc/shadow": b""}},
        {"dockerfile": "FROM x", "secrets": {"-a": b""}},
        {"dockerfile": "FROM x", "secrets": {"a": b"x" * (SECRET_LIMIT + 1)}},
        {"environment": "a: b: c", "base": BASE},
        {"environment": "- numpy", "base": BASE},
        {"environment": "dependencies: numpy", "base": BASE},
        {"environment": "[" * 5000, "base": BASE},
    ],
)
def test_what_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        plan_of(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"tag": "Not A Name"},
        {"tag": f"a@sha256:{'0' * 64}"},
        {"requirements": "x", "base": "x\nRUN evil"},
        {"requirements": "x", "base": "--platform=other x"},
    ],
)
def test_names_that_are_none(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidImageReferenceError):
        plan_of(**({"dockerfile": "FROM x"} if "base" not in fields else {}) | fields)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://ada:hunter2@index.example/simple",
        "--extra-index-url=https://hunter2@index.example/simple",
        "pkg @ git+https://x-access-token:hunter2@git.example/pkg",
        "pkg @ ssh://git:hunter2@git.example/pkg",
    ],
)
def test_a_login_in_an_address_is_refused_unsaid(line: str) -> None:
    with pytest.raises(InvalidRequestError, match="line 2") as caught:
        plan_of(requirements=f"numpy\n{line}\n", base=BASE)
    assert caught.value.error_code == "login_in_address"
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidRequestError, match="login"):
        plan_of(environment=f"dependencies:\n- pip:\n  - {line}\n", base=BASE)


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.0  # mail ada@example.org",
        "pkg @ git+ssh://git@git.example/pkg@v1",
        "pkg @ https://files.example/pkg-1.0.tar.gz",
        "--index-url https://${USER}:${TOKEN}@index.example/simple",
    ],
)
def test_what_is_no_login(line: str) -> None:
    assert plan_of(requirements=line, base=BASE).files["requirements.txt"] == f"{line}\n".encode()
