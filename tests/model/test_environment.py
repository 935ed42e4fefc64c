"""Environments as kernelspecs, and the names that are made for them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.environment import (
    KERNEL_NAME,
    Environment,
    environment_name,
    environment_title,
)

ARGV = ("/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "{connection_file}")
PYTORCH = Environment(
    name="pytorch-1gpu",
    display_name="PyTorch 25.08 · 1 GPU",
    reference="nvcr.io/nvidia/pytorch:25.08-py3",
    image_id="sha256:" + "1" * 64,
    kernel=ImageKernel("python3", "PyTorch 25.08 · 1 GPU", "python", ARGV, debugger=True),
    gpus=1,
    memory=8 << 30,
    repo_digest="nvcr.io/nvidia/pytorch@sha256:" + "2" * 64,
)

environments = st.builds(
    lambda title, **rest: Environment(
        display_name=title,
        kernel=ImageKernel(
            rest.pop("kernel"),
            title,
            rest.pop("language"),
            rest.pop("argv"),
            interrupt_mode=rest.pop("interrupt_mode"),
            runtime=rest.pop("runtime"),
        ),
        **rest,
    ),
    st.text(min_size=1),
    name=st.from_regex(KERNEL_NAME, fullmatch=True),
    reference=st.text(),
    image_id=st.text(),
    kernel=st.text(min_size=1),
    language=st.text(),
    interrupt_mode=st.sampled_from(["signal", "message"]),
    runtime=st.none() | st.just("cpython-311-glibc-amd64"),
    argv=st.lists(st.text(), min_size=1).map(tuple),
    gpus=st.integers(0, 16),
    memory=st.none() | st.integers(1, 1 << 50),
    shm_size=st.none() | st.integers(1, 1 << 50),
    repo_digest=st.none() | st.text(min_size=1),
    gpu_profile=st.none() | st.just("1g.10gb"),
    gpu_uuids=st.lists(st.text(min_size=1), max_size=2).map(tuple),
    idle_timeout=st.none() | st.integers(0, 1 << 40) | st.floats(0, 1e12),
    mounts=st.none() | st.lists(st.text(), max_size=3).map(tuple),
)


def test_a_kernelspec_in_full() -> None:
    assert PYTORCH.to_kernelspec() == {
        "argv": list(ARGV),
        "display_name": "PyTorch 25.08 · 1 GPU",
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {
            "debugger": True,
            "gpu_containers": {
                "image": "nvcr.io/nvidia/pytorch:25.08-py3",
                "digest": "sha256:" + "2" * 64,
                "kernel": "python3",
                "gpus": 1,
            },
            "kernel_provisioner": {
                "provisioner_name": "gpu-container-provisioner",
                "config": {
                    "reference": "nvcr.io/nvidia/pytorch:25.08-py3",
                    "image_id": "sha256:" + "1" * 64,
                    "kernel": "python3",
                    "gpus": 1,
                    "memory": 8 << 30,
                    "repo_digest": "nvcr.io/nvidia/pytorch@sha256:" + "2" * 64,
                },
            },
        },
    }


@given(environments)
def test_a_kernelspec_says_all_of_an_environment(environment: Environment) -> None:
    spec = json.loads(json.dumps(environment.to_kernelspec()))
    assert Environment.from_kernelspec(environment.name, spec) == environment


@pytest.mark.parametrize(
    "metadata",
    [{}, {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}, None],
)
def test_other_kernelspecs_are_not_ours(metadata: object) -> None:
    assert Environment.from_kernelspec("x", {"argv": ["x"], "metadata": metadata}) is None


@pytest.mark.parametrize("key", ["reference", "image_id", "gpus"])
def test_a_damaged_kernelspec_says_how_to_mend_it(key: str) -> None:
    spec = PYTORCH.to_kernelspec()
    spec["metadata"]["kernel_provisioner"]["config"].pop(key)
    spec["metadata"]["kernel_provisioner"]["config"]["gpus" if key == "gpus" else "x"] = "two"
    with pytest.raises(InvalidRequestError) as caught:
        Environment.from_kernelspec("torch", spec)
    assert "jupyter gpu-containers environments remove torch" in caught.value.hint


@pytest.mark.parametrize("time", ["soon", -1, "nan", float("inf"), [1]])
def test_a_time_that_is_none_is_damage(time: object) -> None:
    spec = PYTORCH.to_kernelspec()
    spec["metadata"]["kernel_provisioner"]["config"]["idle_timeout"] = time
    with pytest.raises(InvalidRequestError, match="damaged"):
        Environment.from_kernelspec("torch", spec)


@pytest.mark.parametrize("mounts", ["faces", [1], {"faces": "/etc"}])
def test_what_are_no_names_of_mounts(mounts: object) -> None:
    spec = PYTORCH.to_kernelspec()
    spec["metadata"]["kernel_provisioner"]["config"]["mounts"] = mounts
    with pytest.raises(InvalidRequestError, match="damaged"):
        Environment.from_kernelspec("torch", spec)


def test_other_data_mounts_make_another_environment() -> None:
    chosen = replace(PYTORCH, mounts=("a", "b"))
    assert chosen.starts_like(replace(chosen, mounts=("b", "a")))
    assert not chosen.starts_like(PYTORCH)
    assert not replace(PYTORCH, mounts=()).starts_like(PYTORCH)


@given(st.text(min_size=1), st.text(), st.integers(0, 8))
def test_a_made_name_is_a_kernelspecs_name(reference: str, kernel: str, gpus: int) -> None:
    assert KERNEL_NAME.fullmatch(environment_name(reference, kernel, gpus))


def test_titles_count_gpus() -> None:
    assert [environment_title("X", n) for n in range(3)] == ["X · CPU", "X · 1 GPU", "X · 2 GPUs"]


def test_an_environment_is_a_value() -> None:
    assert replace(PYTORCH) == PYTORCH
    assert replace(PYTORCH, gpus=2) != PYTORCH


def test_a_runtime_that_is_none_is_not_looked_for() -> None:
    spec = PYTORCH.to_kernelspec()
    spec["metadata"]["kernel_provisioner"]["config"]["runtime"] = "../../etc"
    with pytest.raises(InvalidRequestError, match="damaged"):
        Environment.from_kernelspec("pytorch-1gpu", spec)
