"""Images, machines and what to look for in a verdict, for the tests of verdicts."""

from __future__ import annotations

from dataclasses import replace

from jupyter_gpu_containers.model.fitness.host import Host, HostGpu
from jupyter_gpu_containers.model.fitness.verdict import GpuVerdict, ImageClaims, Verdict
from jupyter_gpu_containers.model.image.image import ImageConfig


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
