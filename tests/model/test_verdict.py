"""Verdicts: real images on machines, conditions, and the machine as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.verdict import (
    GpuVerdict,
    ImageClaims,
    Rating,
    Reason,
    Severity,
    Verdict,
    judge,
    verdict_document,
)
from jupyter_gpu_containers.model.image.image import ImageConfig

from .cases import MACHINES, host, image
from .verdict_parts import claims, codes, machine, message, only

GB = 10**9
H200 = host("h200")
ROWS = MACHINES["expected"] + MACHINES["expected_too"]

WEIGHTS = {
    Rating.CPU: Severity.INFO,
    Rating.COMPATIBLE: Severity.OK,
    Rating.LIKELY: Severity.WARNING,
    Rating.UNVERIFIED: Severity.WARNING,
    Rating.INCOMPATIBLE: Severity.PROBLEM,
    Rating.GPU_BROKEN: Severity.PROBLEM,
}


def weight(found: Verdict | GpuVerdict) -> Severity:
    """Return the weight of the most serious reason."""
    return max((reason.severity for reason in found.reasons), key=list(Severity).index)


@pytest.mark.parametrize("machine", MACHINES["machines"])
def test_real_images_on_machines(machine: str) -> None:
    rows = [row for row in ROWS if row[1] == machine]
    assert {row[0] for row in rows} == set(MACHINES["images"])
    for name, _, which, rating, driver, arch, requirement, disable in rows:
        found = judge(image(name), host(machine))
        gpus = found.gpus if which == "*" else [found.gpus[which]]
        for gpu in gpus:
            assert (gpu.rating.value, gpu.driver, gpu.arch) == (rating, driver, arch), name
            assert gpu.requirement == (requirement or gpu.requirement), name
            assert gpu.requirement in ("pass", "fail", "error")
            assert ("needs_disable_require" in codes(gpu)) is disable, name
            assert all(reason.message and reason.evidence for reason in gpu.reasons), name
            assert weight(gpu) is WEIGHTS[gpu.rating], name
        assert weight(found) is WEIGHTS[found.rating], name


# --- NVIDIA_REQUIRE_* --------------------------------------------------------------------------


def test_a_condition_that_minor_versions_excuse() -> None:
    told = claims(CUDA_VERSION="12.4.1", NVIDIA_REQUIRE_CUDA="cuda>=12.4.1")
    gpu = only(judge(told, machine()))  # "12.4" is below "12.4.1", says NVIDIA's runtime
    assert (gpu.requirement, gpu.driver, gpu.rating) == ("fail", "native", Rating.LIKELY)
    assert "NVIDIA_DISABLE_REQUIRE=1" in message(gpu, "needs_disable_require")


def test_a_condition_that_nothing_excuses() -> None:
    told = claims(
        CUDA_VERSION="12.4.1",
        NVIDIA_REQUIRE_CUDA="cuda>=12.4.1",
        NVIDIA_REQUIRE_ARCH="arch>=9.0",
    )
    gpu = only(judge(told, machine()))
    assert (gpu.requirement, gpu.rating) == ("fail", Rating.INCOMPATIBLE)
    assert gpu.reasons[0].message == (
        "The image's own condition is not met (unsatisfied condition: arch>=9.0); "
        "this machine has CUDA 12.4, driver 550.54.15, NVIDIA A100-SXM4-80GB."
    )


def test_conditions_that_cannot_be_understood_or_are_switched_off() -> None:
    broken = claims(CUDA_VERSION="12.4.1", NVIDIA_REQUIRE_CUDA="cuda=>12")
    gpu = only(judge(broken, machine()))
    assert (gpu.requirement, gpu.rating) == ("error", Rating.LIKELY)
    assert "requirement_invalid" in codes(gpu)
    off = claims(
        CUDA_VERSION="12.4.1", NVIDIA_REQUIRE_CUDA="cuda=>12", NVIDIA_DISABLE_REQUIRE="true"
    )
    gpu = only(judge(off, machine()))
    assert (gpu.requirement, codes(gpu)[-1]) == ("pass", "requirement_disabled")


@pytest.mark.parametrize(
    ("env", "about"),
    [
        ({"CUDA_VERSION": "13.3.1.008"}, "is not one to three numbers"),  # legacy by accident
        ({"NVIDIA_DRIVER_CAPABILITIES": "all,x"}, ""),
        ({"NVIDIA_DRIVER_CAPABILITIES": "compute,x"}, "asks for x"),
        ({"NVIDIA_MIG_CONFIG_DEVICES": "all"}, "only for privileged containers"),
    ],
)
def test_what_nvidias_runtime_refuses_whatever_the_gpu_is(env: dict[str, str], about: str) -> None:
    gpu = only(judge(claims(**env), machine()))
    assert (gpu.requirement == "error") is bool(about)
    if about:
        assert about in message(gpu, "runtime_refuses")


# --- the machine as a whole --------------------------------------------------------------------


def test_wrong_architecture_outranks_all() -> None:
    found = judge(claims(architecture="arm64", CUDA_VERSION="12.4"), H200)
    assert found.rating is Rating.INCOMPATIBLE
    assert [(gpu.rating, codes(gpu)) for gpu in found.gpus] == [
        (Rating.INCOMPATIBLE, ["wrong_architecture"])
    ]
    assert found.reasons[0].message == (
        "The image is for arm64 processors; this machine's is amd64."
    )
    unknown = judge(claims(architecture=None, CUDA_VERSION="12.4"), H200)
    assert unknown.rating is Rating.LIKELY


def test_an_image_that_wants_no_gpu() -> None:
    for env in ({}, {"NVIDIA_VISIBLE_DEVICES": "void", "CUDA_VERSION": "12.4"}):
        plain = ImageClaims("python:3.13", ImageConfig(env=env), "amd64")
        found = judge(plain, H200)
        assert found.rating is Rating.CPU
        assert [gpu.rating for gpu in found.gpus] == [Rating.CPU]
        assert codes(found) == ["wants_no_gpu"]
        assert judge(plain, Host("amd64")).rating is Rating.CPU


def test_a_machine_without_gpus() -> None:
    found = judge(claims(CUDA_VERSION="12.4"), Host("amd64"))
    assert (found.rating, found.gpus) == (Rating.INCOMPATIBLE, ())
    assert "has no NVIDIA driver" in message(found, "no_gpu")
    found = judge(claims(CUDA_VERSION="12.4"), Host("amd64", "550.54.15", "12.4"))
    assert "this machine has no GPU. It can start on the CPU only" in message(found, "no_gpu")


def test_one_gpu_that_fits_is_enough() -> None:
    old = HostGpu(0, "Tesla V100", (7, 0), "Tesla")
    lost = HostGpu(1, "Tesla V100", (7, 0), "Tesla", problem="GPU 1 has fallen off the bus.")
    new = HostGpu(2, "NVIDIA H200", (9, 0), "Nvidia", mig=True)
    told = claims(CUDA_VERSION="13.0.2", TORCH_CUDA_ARCH_LIST="8.0 9.0")
    found = judge(told, Host("amd64", "580.65.06", "13.0", (old, lost, new)))
    assert [(gpu.index, gpu.rating) for gpu in found.gpus] == [
        (0, Rating.INCOMPATIBLE),
        (1, Rating.GPU_BROKEN),
        (2, Rating.COMPATIBLE),
    ]
    assert found.rating is Rating.COMPATIBLE
    assert codes(found) == ["driver_native", "arch_ok"]  # of the one that fits
    broken = judge(told, Host("amd64", "580.65.06", "13.0", (lost,)))
    assert (broken.rating, codes(broken)) == (Rating.GPU_BROKEN, ["gpu_broken"])


def test_disk() -> None:
    told = replace(claims(CUDA_VERSION="12.4.1"), download=10 * GB)
    full = judge(told, replace(H200, disk_free=20 * GB))
    assert full.rating is Rating.INCOMPATIBLE
    assert [gpu.rating for gpu in full.gpus] == [Rating.LIKELY]  # the GPU is not to blame
    assert full.reasons[0] == Reason(
        "disk_full",
        "10 GB are to be fetched, which take about 25 GB of disk; 20 GB are free.",
        "sizes of the layers",
        Severity.PROBLEM,
    )
    enough = judge(told, replace(H200, disk_free=25 * GB))
    assert (enough.rating, codes(enough)[-1]) == (Rating.LIKELY, "disk_sufficient")
    assert enough.reasons[-1].severity is Severity.OK
    unknown = judge(told, H200).reasons[-1]
    assert (unknown.code, unknown.severity) == ("disk_unknown", Severity.INFO)
    here = judge(replace(told, download=0), replace(H200, disk_free=0))
    assert (here.rating, codes(here)) == (Rating.LIKELY, ["arch_likely", "driver_native"])


def test_kernel() -> None:
    told = claims(CUDA_VERSION="12.4.1")
    inside = judge(replace(told, kernels=True), H200)
    carried = judge(replace(told, kernels=False), H200)
    assert [codes(found)[-1] for found in (inside, carried)] == [
        "kernel_inside",
        "kernel_carried_in",
    ]
    assert inside.rating is carried.rating is Rating.LIKELY
    assert inside.reasons[-1].severity is carried.reasons[-1].severity is Severity.INFO


def test_document() -> None:
    bad = Reason("a", "b", "c", Severity.PROBLEM)
    found = Verdict(
        Rating.LIKELY,
        (GpuVerdict(3, Rating.GPU_BROKEN, "native", "ok", "pass", (bad,)),),
        (Reason("d", "e", "f"),),
    )
    assert verdict_document(found) == {
        "verdict": "likely",
        "gpus": [
            {
                "index": 3,
                "verdict": "gpu-broken",
                "driver": "native",
                "arch": "ok",
                "requirement": "pass",
                "reasons": [{"code": "a", "message": "b", "evidence": "c", "severity": "problem"}],
            }
        ],
        "reasons": [{"code": "d", "message": "e", "evidence": "f", "severity": "info"}],
    }


ENV_NAMES = st.sampled_from(
    [
        "CUDA_VERSION",
        "NVIDIA_REQUIRE_CUDA",
        "NVIDIA_VISIBLE_DEVICES",
        "NVIDIA_DRIVER_CAPABILITIES",
        "TORCH_CUDA_ARCH_LIST",
        "CUDA_DRIVER_VERSION",
        "NVIDIA_PYTORCH_VERSION",
    ]
)
WORDS = st.one_of(
    st.text(max_size=30), st.sampled_from(["all", "12.4.1", "9.0+PTX", "cuda>=12.4", "25.01"])
)


@given(
    st.dictionaries(ENV_NAMES, WORDS),
    st.text(max_size=30),
    st.sampled_from([*MACHINES["machines"]]),
)
def test_any_image_is_judged(env: dict[str, str], reference: str, name: str) -> None:
    found = judge(ImageClaims(reference, ImageConfig(env=env), "amd64", download=1), host(name))
    assert len(found.gpus) == len(host(name).gpus)
    assert found.reasons
    verdict_document(found)
