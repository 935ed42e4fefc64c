"""When NVIDIA's runtime is told to skip an image's conditions, and when a kernel is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import ConflictError
from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.rating import Reason, Severity
from jupyter_gpu_containers.model.fitness.requirement_waiver import requirement_waiver
from jupyter_gpu_containers.model.gpu.device import Gpu
from jupyter_gpu_containers.model.image.image import ImageConfig

from .verdict_parts import machine

REFERENCE = "example.org/team/image:1"
HOST = machine()  # an A100 with driver 550.54.15, which is for CUDA up to 12.4
A100 = Gpu("GPU-1", 0, "NVIDIA A100-SXM4-80GB")
V100 = Gpu("GPU-2", 1, "Tesla V100-SXM2-32GB")
NEWER_MINOR = {"CUDA_VERSION": "12.6.2", "NVIDIA_REQUIRE_CUDA": "cuda>=12.6"}
NEWER_MAJOR = {"CUDA_VERSION": "13.0.1", "NVIDIA_REQUIRE_CUDA": "cuda>=13.0"}
EXCUSED = Reason(
    "needs_disable_require",
    "NVIDIA's runtime would refuse it (unsatisfied condition: cuda>=12.6), though minor-version "
    "compatibility runs it: kernels with GPUs are started with NVIDIA_DISABLE_REQUIRE=1.",
    "NVIDIA_REQUIRE_CUDA=cuda>=12.6",
    Severity.WARNING,
)


def decide(
    env: dict[str, str],
    *gpus: Gpu,
    own: dict[str, str] | None = None,
    host: Host = HOST,
) -> Reason | None:
    return requirement_waiver(ImageConfig(env=env), own or {}, REFERENCE, gpus, host)


@pytest.mark.parametrize(
    "asks", [{}, {"NVIDIA_VISIBLE_DEVICES": "all"}, {"NVIDIA_VISIBLE_DEVICES": "void"}]
)
def test_a_condition_that_minor_versions_excuse_is_skipped(asks: dict[str, str]) -> None:
    """Whatever devices the image asks for: the kernel gets those of its launch."""
    assert decide(NEWER_MINOR | asks, A100) == EXCUSED


@pytest.mark.parametrize("env", [NEWER_MINOR, NEWER_MAJOR])
def test_a_kernel_without_gpus_is_not_judged(env: dict[str, str]) -> None:
    assert decide(env) is None


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"},
        {"CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=13 brand=nvidia"},
        {"NVIDIA_REQUIRE_CUDA": "cuda>=9.0", "CUDA_VERSION": "13.0"},  # too new, but not checked
        {"NVIDIA_REQUIRE_CUDA": "cuda=>12"},  # nobody knows what is meant: the runtime's to say
        NEWER_MINOR | {"NVIDIA_DISABLE_REQUIRE": "true"},
    ],
)
def test_nothing_is_skipped_where_nothing_fails(env: dict[str, str]) -> None:
    assert decide(env, A100) is None


@pytest.mark.parametrize("env", [NEWER_MINOR, NEWER_MAJOR])
@pytest.mark.parametrize("value", ["1", "0", ""])
def test_who_sets_the_variable_has_decided(env: dict[str, str], value: str) -> None:
    assert decide(env, A100, own={"NVIDIA_DISABLE_REQUIRE": value}) is None


def test_conditions_of_the_kernelspec_count_like_the_images() -> None:
    assert decide({}, A100, own={"NVIDIA_REQUIRE_CUDA": "cuda>=12.6"}) == EXCUSED
    assert decide(NEWER_MAJOR, A100, own=NEWER_MINOR) == EXCUSED


def refusal(env: dict[str, str], *gpus: Gpu, host: Host = HOST) -> dict[str, str]:
    with pytest.raises(ConflictError) as refused:
        decide(env, *gpus, host=host)
    return refused.value.as_dict()


def test_a_condition_that_nothing_excuses_is_told_with_numbers() -> None:
    assert refusal(NEWER_MAJOR, A100) == {
        "code": "requirement_not_met",
        "message": (
            "“example.org/team/image:1” does not run on GPU 0. CUDA 13.0.1 needs driver >= "
            "580.65.06; this machine has 550.54.15."
        ),
        "hint": (
            "Choose an image made for an older CUDA, or update the driver. To start it all the "
            "same, set NVIDIA_DISABLE_REQUIRE=1 in c.GpuContainers.environment_variables."
        ),
    }


def test_a_condition_that_the_driver_alone_does_not_tell() -> None:
    told = refusal({"NVIDIA_REQUIRE_OURS": "arch>=9.0", "CUDA_VERSION": "12.4"}, A100)
    assert told["message"] == (
        "“example.org/team/image:1” does not run on GPU 0. The image's own condition is not met "
        "(unsatisfied condition: arch>=9.0); this machine has CUDA 12.4, driver 550.54.15, NVIDIA "
        "A100-SXM4-80GB."
    )


def test_nothing_is_skipped_for_a_gpu_that_the_image_has_no_code_for() -> None:
    """Minor versions would excuse the condition; but the runtime's check is not what is wrong."""
    told = refusal(NEWER_MINOR | {"TORCH_CUDA_ARCH_LIST": "9.0"}, A100)
    assert told["message"].endswith(
        "The image has code for compute capability 9.0; NVIDIA A100-SXM4-80GB has 8.0."
    )


def test_only_the_gpus_of_the_launch_count() -> None:
    both = replace(HOST, gpus=(*HOST.gpus, HostGpu(1, V100.name, (7, 0), "Tesla")))
    image = {"CUDA_VERSION": "12.4", "NVIDIA_REQUIRE_ARCH": "arch>=8.0"}
    assert decide(image, A100, host=both) is None
    for gpus in ((V100,), (A100, V100)):
        assert "does not run on GPU 1" in refusal(image, *gpus, host=both)["message"]
