"""Verdicts on one GPU: its driver, its compute capability."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.fitness.arch_list import ArchList
from jupyter_gpu_containers.model.fitness.cuda import (
    ForwardCompatibility,
    cuda_of_driver,
    forward_compatibility,
    lowest_driver,
)
from jupyter_gpu_containers.model.fitness.verdict import Rating, Reason, Severity, judge

from .cases import host, image
from .verdict_parts import branded, claims, codes, machine, message, only

H200 = host("h200")


# --- driver ------------------------------------------------------------------------------------


def test_a_driver_that_is_too_old_is_said_with_the_numbers() -> None:
    found = judge(claims(CUDA_VERSION="12.8.1"), machine("470.182.03", "11.4"))
    assert (found.rating, only(found).driver) == (Rating.INCOMPATIBLE, "too-old")
    assert found.reasons[0] == Reason(
        "driver_too_old",
        "CUDA 12.8.1 needs driver >= 525.60.13; this machine has 470.182.03.",
        "CUDA_VERSION=12.8.1",
        Severity.PROBLEM,
    )


@pytest.mark.parametrize(
    ("version", "driver", "cuda", "state"),
    [
        ("12.4.1", "550.54.15", "12.4", "native"),
        ("12.9.1", "550.54.15", "12.4", "minor-compat"),
        ("12.9.1", "550.54.15", None, "minor-compat"),  # the branch tells what it supports
        ("12.7", "565.57.01", "12.7", "native"),  # 12.7 never was a toolkit
        ("13.0", "550.54.15", "12.4", "too-old"),
        ("11.2", "450.51.06", "11.0", "too-old"),  # below 450.80.02 there are no minor versions
        ("10.1", "410.48", "10.0", "too-old"),  # nor before CUDA 11
        ("14.1", "600.10", "14.0", "too-old"),
        ("99.0", "9999.1", "99.0", "native"),
        ("12.4", None, "12.2", "minor-compat"),
        ("12.4", None, None, "unverified"),
    ],
)
def test_driver(version: str, driver: str | None, cuda: str | None, state: str) -> None:
    assert only(judge(claims(CUDA_VERSION=version), machine(driver, cuda))).driver == state


def test_cuda_is_read_from_the_tag_then_from_the_requirement() -> None:
    by_tag = judge(claims("2.9-cu129"), machine())
    assert message(by_tag, "driver_minor_compat").startswith("CUDA 12.9 is newer than driver")
    told = claims("latest", NVIDIA_REQUIRE_CUDA="brand=tesla,cuda>=8.0 cuda>=13.0")
    assert only(judge(told, machine())).driver == "too-old"
    trap = claims(NVIDIA_REQUIRE_CUDA="cuda>=9.0", CUDA_VERSION="13.3.1.008")
    assert only(judge(trap, machine())).driver == "too-old"


def test_forward_compatibility_is_for_some_workstation_gpus() -> None:
    told = image("vllm-openai-v0.25.1-amd64")
    workstation = machine(name="NVIDIA RTX A6000", capability=(8, 6), brand="NvidiaRTX")
    found = only(judge(told, branded(workstation, "NVS")))
    assert (found.rating, found.driver) == (Rating.INCOMPATIBLE, "too-old")  # brand not listed
    listed = image(
        "vllm-openai-v0.25.1-amd64",
        NVIDIA_REQUIRE_CUDA="cuda>=13.0 brand=nvidiartx,driver>=550,driver<551",
    )
    found = only(judge(listed, workstation))
    assert (found.rating, found.driver) == (Rating.UNVERIFIED, "forward-compat-unverified")


@pytest.mark.parametrize(
    ("brand", "name", "possible"),
    [
        ("GeForceRTX", "", ForwardCompatibility.NO),
        ("TITAN", "", ForwardCompatibility.NO),
        ("Tesla", "", ForwardCompatibility.YES),
        ("Nvidia", "NVIDIA H200", ForwardCompatibility.YES),
        ("QuadroRTX", "", ForwardCompatibility.SOME),
        (None, "NVIDIA GeForce RTX 4090", ForwardCompatibility.NO),
        (None, "NVIDIA A100-SXM4-80GB", ForwardCompatibility.YES),
        (None, "Tesla T4", ForwardCompatibility.YES),
        (None, "NVIDIA L40S", ForwardCompatibility.YES),
        ("Unknown", "NVIDIA B200", ForwardCompatibility.YES),
        (None, "NVIDIA RTX A6000", ForwardCompatibility.SOME),
        (None, "NVIDIA GPU", ForwardCompatibility.SOME),
    ],
)
def test_forward_compatibility(
    brand: str | None, name: str, possible: ForwardCompatibility
) -> None:
    assert forward_compatibility(brand, name) is possible


def test_a_gpu_that_its_driver_does_not_know() -> None:
    planned = machine("535.161.08", "12.2", name="NVIDIA B200", capability=(10, 0))
    found = judge(claims(CUDA_VERSION="12.2.0"), planned)
    assert found.rating is Rating.INCOMPATIBLE
    assert "need driver >= 570" in message(found, "driver_too_old")


def test_tables() -> None:
    assert cuda_of_driver("470.182.03") == (11, 4)
    assert cuda_of_driver("571.0") == (12, 8)  # a branch that nobody knows is as its predecessor
    assert cuda_of_driver("304.1") is None
    assert (lowest_driver((12, 9)), lowest_driver((11, 0))) == ("525.60.13", "450.36.06")
    assert (lowest_driver((9, 2)), lowest_driver((99, 0))) == ("396.26", None)


# --- compute capability ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("archs", "capability", "state", "code"),
    [
        ("7.5 8.0 9.0+PTX", (8, 0), "ok", "arch_ok"),
        ("7.5;8.0;9.0", (8, 6), "ok", "arch_ok"),  # same major, minor not above
        ("8.6", (8, 0), "no-kernel", "gpu_too_old"),
        ("7.5 8.0", (9, 0), "no-kernel", "gpu_too_new"),
        ("7.5 8.0+PTX", (9, 0), "ok-ptx", "arch_ptx"),
        ("9.0a", (9, 0), "ok", "arch_ok"),
        ("12.1a", (12, 0), "no-kernel", "gpu_too_old"),
        ("10.0f", (10, 3), "ok", "arch_ok"),
        ("Volta;Ampere+PTX", (8, 9), "ok", "arch_ok"),
        ("Volta;Ampere+PTX", (9, 0), "ok-ptx", "arch_ptx"),
        ("sm_80 compute_90", (9, 0), "ok", "arch_ok"),
        ("All", (9, 0), "unverified", "arch_unknown"),
        ("8.0 Common", (9, 0), "unverified", "arch_unknown"),
    ],
)
def test_declared_architectures(
    archs: str, capability: tuple[int, int], state: str, code: str
) -> None:
    told = claims(TORCH_CUDA_ARCH_LIST=archs, CUDA_VERSION="")
    gpu = only(judge(told, machine("580.65.06", "13.0", capability=capability)))
    assert gpu.arch == state
    assert code in codes(gpu)


def test_ptx_of_a_newer_cuda_is_not_compiled_by_an_older_driver() -> None:
    told = claims(TORCH_CUDA_ARCH_LIST="8.0+PTX", CUDA_VERSION="12.9.1")
    gpu = only(judge(told, machine("550.54.15", "12.4", capability=(9, 0))))
    assert (gpu.driver, gpu.arch, gpu.rating) == ("minor-compat", "no-kernel", Rating.INCOMPATIBLE)
    assert "Its PTX is newer than the driver" in message(gpu, "gpu_too_new")


@pytest.mark.parametrize(
    ("version", "capability", "state"),
    [
        ("13.0.2", (7, 0), "no-kernel"),  # too old: CUDA 12.9 was the last one for Volta
        ("12.9.1", (7, 0), "likely"),
        ("11.8.0", (12, 0), "unverified"),  # too new, unless there is PTX
        ("13.0.2", (14, 0), "unverified"),  # nobody knows it yet
    ],
)
def test_what_a_toolkit_makes_code_for(
    version: str, capability: tuple[int, int], state: str
) -> None:
    told = claims(CUDA_VERSION=version)
    assert only(judge(told, machine("580.65.06", "13.0", capability=capability))).arch == state


def test_ngc_release_says_which_gpus_it_is_for() -> None:
    told = claims(CUDA_VERSION="12.8.0.038", NVIDIA_TENSORFLOW_VERSION="25.01-tf2")
    volta = machine("580.65.06", "13.0", name="Tesla V100", capability=(7, 0))
    gpu = only(judge(told, volta))
    assert (gpu.arch, gpu.rating) == ("no-kernel", Rating.INCOMPATIBLE)
    assert "are for compute capability 7.5 or newer" in message(gpu, "gpu_too_old")
    before = claims(CUDA_VERSION="12.6.3.004", NVIDIA_TENSORFLOW_VERSION="24.12-tf2")
    assert only(judge(before, volta)).arch == "likely"


def test_a_gpu_of_unknown_capability() -> None:
    gpu = only(judge(claims(CUDA_VERSION="12.4.1"), machine(capability=None)))
    assert (gpu.driver, gpu.arch, gpu.rating) == ("native", "unverified", Rating.UNVERIFIED)


@given(st.text(), st.tuples(st.integers(0, 99), st.integers(0, 9)))
def test_any_text_is_a_list_of_architectures(text: str, capability: tuple[int, int]) -> None:
    parsed = ArchList.parse(text)
    parsed.code_for(capability)
    parsed.ptx_for(capability)
    assert parsed.newest is None or parsed.archs
