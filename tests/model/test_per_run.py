"""Variables that say what one run wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
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


@pytest.mark.parametrize(
    ("name", "text"),
    [(GPUS, "-1"), (GPUS, "two"), (GPUS, "²"), (GPUS, "99999"), (MEMORY, "-1g"), (SHM_SIZE, "0")],
)
def test_what_cannot_be_understood_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        PerRun.read({name: text})
