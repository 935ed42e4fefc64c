"""The images that the memory backend pretends to have: believable, with a kernel each.

What the catalogue knows of an image holds here too: its row there and its details are the same.
"""

from __future__ import annotations

import hashlib
import platform

from jupyter_gpu_containers.catalogue.curated import curated_entries, nvidia_matrix
from jupyter_gpu_containers.model.image.catalogue import known_image, known_images
from jupyter_gpu_containers.model.image.image import Image, ImageConfig, ImageKernel, ImageProbe

_GIB = 1024**3
COMPRESSED = 0.45  # of an image's size on disk
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

PYTHON_KERNEL = ImageKernel(
    name="python3",
    display_name="Python 3 (ipykernel)",
    language="python",
    argv=("python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
)


def host_architecture() -> str:
    """Return this machine's CPU architecture by Go's name, "amd64"."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def demo_image(
    reference: str, *, size: int, created: float, python: str, env: dict[str, str]
) -> Image:
    """Return an image with a Python kernel; its id follows from the reference.

    Where the catalogue knows something of it, that holds instead of what is given.

    Parameters
    ----------
    reference : str
        As Docker prints it, "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime".
    size : int
        Bytes.
    created : float
        Seconds since the epoch.
    python : str
        Version of Python inside.
    env : dict
        The environment of the image's configuration.
    """
    known = known_image(reference, known_images(curated_entries()), nvidia_matrix())
    if known is not None:
        env = dict(known.config(host_architecture()).env)
        python = known.python or python
        size = int(known.size / COMPRESSED) if known.size else size
    digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
    repository = reference.rpartition(":")[0]
    return Image(
        id=digest,
        references=(reference,),
        repo_digests=(f"{repository}@{digest}",),
        size=size,
        created=created,
        architecture=host_architecture(),
        config=ImageConfig(env=env),
        probe=ImageProbe(python=python, kernels=(PYTHON_KERNEL,)),
        layers=_diff_ids(repository, reference),
    )


def _diff_ids(repository: str, reference: str) -> tuple[str, ...]:
    """Six layers, of which the lower two belong to all tags of the repository."""
    names = (f"{repository}/0", f"{repository}/1", *(f"{reference}/{n}" for n in range(2, 6)))
    return tuple(f"sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in names)


DEMO_IMAGES: tuple[Image, ...] = (
    demo_image(
        "nvcr.io/nvidia/pytorch:25.08-py3",
        size=int(12.1 * _GIB),
        created=1_755_561_600,
        python="3.12.3",
        env={},  # NVIDIA's support matrix has it
    ),
    demo_image(
        "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime",
        size=int(6.1 * _GIB),
        created=1_738_195_200,
        python="3.11.11",
        env={"PYTORCH_VERSION": "2.6.0", "NVIDIA_VISIBLE_DEVICES": "all"},
    ),
    demo_image(
        "tensorflow/tensorflow:2.18.0-gpu",
        size=int(3.5 * _GIB),
        created=1_729_814_400,
        python="3.11.0",
        env={"CUDA_VERSION": "12.5.1", "NVIDIA_VISIBLE_DEVICES": "all"},
    ),
    demo_image(
        "rapidsai/base:25.08-cuda12.9-py3.12",
        size=int(9.4 * _GIB),
        created=1_754_524_800,
        python="3.12.11",
        env={"CUDA_VERSION": "12.9.1", "PYTHON_VERSION": "3.12"},
    ),
    demo_image(
        "quay.io/jupyter/scipy-notebook:python-3.12",
        size=int(1.5 * _GIB),
        created=1_754_006_400,
        python="3.12.11",
        env={"CONDA_DIR": "/opt/conda"},
    ),
)
