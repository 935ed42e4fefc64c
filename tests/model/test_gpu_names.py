"""How people write GPUs: a number, or which."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.names import GpusAsked, gpus_named


@pytest.mark.parametrize(
    ("text", "count", "names"),
    [
        ("0", 0, ()),
        (" 2 ", 2, ()),
        ("device=0,2", None, ("0", "2")),
        ('"device=1"', None, ("1",)),  # as Docker wants a list of them
        ("device=GPU-a1, GPU-b2,GPU-a1", None, ("GPU-a1", "GPU-b2")),
    ],
)
def test_what_is_understood(text: str, count: int | None, names: tuple[str, ...]) -> None:
    asked = GpusAsked.parse(text)
    assert asked == GpusAsked(count, names)
    assert GpusAsked.parse(str(asked)) == asked


def test_a_gpu_that_is_named_twice_is_one() -> None:
    machine = GpuSnapshot(tuple(Gpu(f"GPU-{n}{n}", n, "H200") for n in range(3)))
    assert [gpu.index for gpu in gpus_named(machine, ["2", "GPU-22", "0"])] == [2, 0]


def test_a_machine_without_gpus_says_why() -> None:
    machine = GpuSnapshot(problem=Problem("no_driver", "No driver is installed.", "Install it."))
    with pytest.raises(InvalidRequestError) as refused:
        gpus_named(machine, ["0"])
    assert refused.value.message == "This machine has no GPU 0. No driver is installed."
    assert refused.value.hint == "Install it."
