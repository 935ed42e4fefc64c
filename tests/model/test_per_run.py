"""Variables that say what one run wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot
from jupyter_gpu_containers.model.image.image import ImageKernel
from jupyter_gpu_containers.model.kernel.environment import Environment
from jupyter_gpu_containers.model.kernel.per_run import GPUS, MEMORY, SHM_SIZE, PerRun

KERNEL = ImageKernel("python3", "Python 3", "python", ("python",))
ONE = Environment("torch", "PyTorch · 1 GPU", "torch:1", "sha256:1", KERNEL, gpus=1)


def test_variables_there_and_back() -> None:
    wanted = PerRun.read({GPUS: "2", MEMORY: "16g", SHM_SIZE: " 512m ", "OTHER": "x"})
    assert wanted == PerRun(2, 16 << 30, 512 << 20)
    assert PerRun.read(wanted.variables()) == wanted
    assert PerRun.read({GPUS: "", MEMORY: " "}) == PerRun()


def test_the_title_says_what_is_other_than_usual() -> None:
    changed = PerRun(2, 16 << 30, 512 << 20).of(ONE)
    assert (changed.gpus, changed.memory, changed.shm_size) == (2, 16 << 30, 512 << 20)
    assert changed.display_name == "PyTorch · 1 GPU (2 GPUs, 16 GB RAM, 512 MB shared)"
    assert changed.name == "torch"
    assert PerRun(gpus=1).of(ONE) is ONE


def test_other_gpus_than_particular_ones_are_any() -> None:
    particular = replace(ONE, gpu_uuids=("GPU-a",))
    assert PerRun(gpus=1).of(particular).gpu_uuids == ("GPU-a",)
    assert PerRun(gpus=2).of(particular).gpu_request.uuids == ()
    mig = replace(ONE, gpu_profile="1g.10gb")
    assert PerRun(gpus=2).of(mig).gpu_profile == "1g.10gb"
    assert PerRun(gpus=0).of(mig).gpu_profile is None


def test_particular_gpus() -> None:
    """Named by index or UUID, found on the machine, and told in the title as they were named."""
    machine = GpuSnapshot(tuple(Gpu(f"GPU-{n}{n}-xyz", n, "H200") for n in range(3)))
    wanted = PerRun.read({GPUS: "device=2,GPU-00-xyz,2"})
    assert PerRun.read(wanted.variables()) == wanted
    assert wanted.variables() == {GPUS: "device=2,GPU-00-xyz"}
    changed = wanted.found(machine).of(replace(ONE, gpu_profile="1g.10gb"))
    assert changed.gpu_request.uuids == ("GPU-22-xyz", "GPU-00-xyz")
    assert (changed.gpus, changed.gpu_profile) == (2, None)
    assert changed.display_name == "PyTorch · 1 GPU (GPUs 2 + GPU-00-xyz)"
    with pytest.raises(InvalidRequestError, match=r"This machine has no GPU 7\.") as refused:
        PerRun.read({GPUS: "device=7"}).found(machine)
    assert refused.value.error_code == "no_such_gpu"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (GPUS, "all"),
        (GPUS, "device="),
        (GPUS, "device=0,"),
        (GPUS, "0,2"),
        (GPUS, "1025"),
        (GPUS, "-1"),
        (GPUS, "two"),
        (GPUS, "²"),
        (GPUS, "99999"),
        (MEMORY, "-1g"),
        (SHM_SIZE, "0"),
    ],
)
def test_what_cannot_be_understood_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        PerRun.read({name: text})


@pytest.mark.parametrize("variables", [{MEMORY: "1k"}, {SHM_SIZE: "1000"}])
def test_what_no_kernel_could_live_with(variables: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="is too little for") as refused:
        PerRun.read(variables)
    assert "or more" in refused.value.hint
