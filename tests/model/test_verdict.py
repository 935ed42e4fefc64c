"""Verdicts: real images on machines, then each reason by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpu_containers.model.arch_list import ArchList
from jupyter_gpu_containers.model.cuda import (
    ForwardCompatibility,
    cuda_of_driver,
    forward_compatibility,
    lowest_driver,
)
from jupyter_gpu_containers.model.host import Host, HostGpu
from jupyter_gpu_containers.model.image import ImageConfig
from jupyter_gpu_containers.model.verdict import (
    GpuVerdict,
    ImageClaims,
    Rating,
    Reason,
    Verdict,
    judge,
    verdict_document,
)

from .cases import MACHINES, host, image

GIB = 2**30
H200 = host("h200")
ROWS = MACHINES["expected"] + MACHINES["expected_too"]


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


def codes(found: GpuVerdict | Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


def claims(tag: str = "12", architecture: str | None = "amd64", **env: str) -> ImageClaims:
    """An image that wants GPUs."""
    config = ImageConfig(env={"NVIDIA_VISIBLE_DEVICES": "all"} | env)
    return ImageClaims(f"example.org/team/image:{tag}", config, architecture)


def machine(
    driver: str | None = "550.54.15",
    cuda: str | None = "12.4",
    *,
    name: str = "NVIDIA A100-SXM4-80GB",
    capability: tuple[int, int] | None = (8, 0),
    brand: str | None = "Nvidia",
) -> Host:
    """A machine with one GPU."""
    return Host("amd64", driver, cuda, (HostGpu(0, name, capability, brand),))


def branded(found: Host, brand: str) -> Host:
    """The machine with GPUs of another brand."""
    return replace(found, gpus=tuple(replace(gpu, brand=brand) for gpu in found.gpus))


def only(found: Verdict) -> GpuVerdict:
    (gpu,) = found.gpus
    return gpu


def message(found: Verdict | GpuVerdict, code: str) -> str:
    (text,) = [reason.message for reason in found.reasons if reason.code == code]
    return text


# --- driver ------------------------------------------------------------------------------------


def test_a_driver_that_is_too_old_is_said_with_the_numbers() -> None:
    found = judge(claims(CUDA_VERSION="12.8.1"), machine("470.182.03", "11.4"))
    assert (found.rating, only(found).driver) == (Rating.INCOMPATIBLE, "too-old")
    assert found.reasons[0] == Reason(
        "driver_too_old",
        "CUDA 12.8.1 needs driver >= 525.60.13; this machine has 470.182.03.",
        "CUDA_VERSION=12.8.1",
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
    told = replace(claims(CUDA_VERSION="12.4.1"), download=10 * GIB)
    full = judge(told, replace(H200, disk_free=20 * GIB))
    assert full.rating is Rating.INCOMPATIBLE
    assert [gpu.rating for gpu in full.gpus] == [Rating.LIKELY]  # the GPU is not to blame
    assert full.reasons[0] == Reason(
        "disk_full",
        "10 GiB are to be fetched, which take about 25 GiB of disk; 20 GiB are free.",
        "sizes of the layers",
    )
    enough = judge(told, replace(H200, disk_free=25 * GIB))
    assert (enough.rating, codes(enough)[-1]) == (Rating.LIKELY, "disk_sufficient")
    assert codes(judge(told, H200))[-1] == "disk_unknown"
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


def test_document() -> None:
    found = Verdict(
        Rating.LIKELY,
        (GpuVerdict(3, Rating.GPU_BROKEN, "native", "ok", "pass", (Reason("a", "b", "c"),)),),
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
                "reasons": [{"code": "a", "message": "b", "evidence": "c"}],
            }
        ],
        "reasons": [{"code": "d", "message": "e", "evidence": "f"}],
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
