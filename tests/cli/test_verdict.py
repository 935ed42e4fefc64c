"""``verdict``: rehearsals for machines that somebody plans, and for this one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.web.contract import validate
from tests.model.cases import MACHINES, image

from .conftest import Terminal

PLANNED = {
    "driver_version": "535.161.08",
    "cuda_version": "12.2",
    "architecture": "amd64",
    "gpus": [
        {
            "name": "NVIDIA GeForce RTX 4090",
            "compute_capability": "8.9",
            "brand": "GeForce",
            "mig": False,
        }
    ],
}


def written(folder: Path, name: str, document: Any) -> str:
    """Write a document to a file."""
    file = folder / name
    file.write_text(json.dumps(document))
    return str(file)


def oci(name: str) -> dict[str, Any]:
    """A real image's configuration as a registry keeps it."""
    claims = image(name)
    return {
        "architecture": claims.architecture,
        "os": "linux",
        "config": {"Env": [f"{key}={value}" for key, value in claims.config.env.items()]},
        "rootfs": {"type": "layers", "diff_ids": []},
    }


def inspected(name: str) -> list[dict[str, Any]]:
    """The same as ``docker image inspect`` prints it."""
    claims, document = image(name), oci(name)
    return [
        {
            "Id": "sha256:" + 64 * "0",
            "RepoTags": [claims.reference],
            "Architecture": document["architecture"],
            "Config": document["config"] | {"Labels": None},
        }
    ]


@pytest.mark.parametrize("form", [oci, inspected])
def test_a_rehearsal_for_a_planned_machine(terminal: Terminal, tmp_path: Path, form: Any) -> None:
    config = written(tmp_path, "image.json", form("vllm-openai-v0.25.1-amd64"))
    host = written(tmp_path, "host.json", PLANNED)
    ran = terminal("verdict", "--image-config", config, "--host", host, "--json")
    assert ran.status == 0
    validate("Verdict", ran.json)
    (gpu,) = ran.json["gpus"]
    assert ran.json["verdict"] == gpu["verdict"] == "incompatible"
    assert [gpu[key] for key in ("index", "driver", "arch", "requirement")] == [
        0,
        "too-old",
        "ok",
        "fail",
    ]
    assert gpu["reasons"][0] == {
        "code": "driver_too_old",
        "message": "CUDA 13.0.2 needs driver >= 580.65.06; this machine has 535.161.08. "
        "Forward compatibility is not available on NVIDIA GeForce RTX 4090.",
        "evidence": "CUDA_VERSION=13.0.2",
        "severity": "problem",
    }


def test_what_people_read(terminal: Terminal, tmp_path: Path) -> None:
    config = written(tmp_path, "image.json", inspected("ngc-pytorch-21.12-py3"))
    host = written(tmp_path, "host.json", MACHINES["machines"]["4xv100-broken"])
    ran = terminal("verdict", "--image-config", config, "--host", host)
    archs = "5.2 6.0 6.1 7.0 7.5 8.0 8.6+PTX"
    runs = "The image has CUDA 11.5.0; driver 580.95.05 (CUDA up to 13.0) runs it."
    code = f"The image has code for compute capability {archs}; Tesla V100-SXM2-32GB has 7.0."
    assert ran.out.splitlines() == [
        "nvcr.io/nvidia/pytorch:21.12-py3: compatible",
        f"  {runs} [CUDA_VERSION=11.5.0.029]",
        f"  {code} [TORCH_CUDA_ARCH_LIST={archs}]",
        "GPU 0: compatible (driver native, arch ok, requirement pass)",
        "GPU 1: gpu-broken",
        "  lost [NVML]",
        "GPU 2: gpu-broken",
        "  reset_required [NVML]",
        "GPU 3: compatible (driver native, arch ok, requirement pass)",
    ]


def test_this_machine_is_the_default(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(oci("ngc-pytorch-23.10-py3")).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    ran = terminal("verdict", "--image-config", "-", "--json")
    assert (ran.status, ran.json["verdict"]) == (0, "compatible")
    assert [(gpu["index"], gpu["arch"]) for gpu in ran.json["gpus"]] == [(0, "ok"), (1, "ok")]


def test_an_image_on_this_machine(terminal: Terminal, tmp_path: Path) -> None:
    reference = "nvcr.io/nvidia/pytorch:25.08-py3"
    here = terminal("verdict", reference, "--json")
    assert here.status == 0
    validate("Verdict", here.json)
    planned = terminal(
        "verdict", reference, "--host", written(tmp_path, "host.json", PLANNED), "--json"
    )
    assert planned.json["verdict"] == "incompatible"


@pytest.mark.parametrize(
    ("image_file", "host_file", "message"),
    [
        ("absent", "{}", "“absent” cannot be read: No such file or directory."),
        ("{", "{}", "is not JSON: "),
        ("\udcff", "{}", "is not JSON: "),
        ("[]", "{}", "The image cannot be understood: it is a list of 0"),
        ("{}", "{}", "The image cannot be understood: it has neither “config” nor “Config”."),
        ('{"config": {"Env": {}, "Labels": 3}}', "{}", "its Labels are not texts by name."),
        ('{"config": {"Env": [1]}}', "{}", "its Env is not a list of NAME=VALUE."),
        ('{"config": null}', "[]", "The host cannot be understood: it is not an object."),
        ('{"config": null}', '{"gpus": [{"mig": "no"}]}', "mig of GPU 0 cannot be 'no'"),
        (
            '{"config": null}',
            '{"gpus": [{"compute_capability": "ninety"}]}',
            "compute_capability of GPU 0 is 'ninety', not X.Y.",
        ),
        ('{"config": null}', '{"driver_version": "new"}', "driver_version is 'new'"),
    ],
)
def test_documents_that_cannot_be_understood(
    terminal: Terminal, tmp_path: Path, image_file: str, host_file: str, message: str
) -> None:
    config, host = tmp_path / "image.json", tmp_path / "host.json"
    config.write_bytes(image_file.encode(errors="surrogateescape"))
    host.write_text(host_file)
    name = "absent" if image_file == "absent" else str(config)
    ran = terminal("verdict", "--image-config", name, "--host", str(host))
    assert (ran.status, ran.out) == (1, "")
    assert message in ran.err


def test_what_cannot_be_asked(terminal: Terminal) -> None:
    assert terminal("verdict").status == 2
    assert terminal("verdict", "python:3.13", "--image-config", "-").status == 2
    ran = terminal("verdict", "--image-config", "-", "--host", "-")
    assert "Standard input cannot be image and host at once." in ran.err
