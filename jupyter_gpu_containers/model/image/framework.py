"""What an image is, read from its own words: framework, CUDA, Python, and a short label."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_gpu_containers.errors import InvalidImageReferenceError

from .image import Framework, Image, ImageReference

# Variables and labels by which images tell their framework, the most telling first.
_ENV = (
    ("PyTorch", "NVIDIA_PYTORCH_VERSION"),
    ("TensorFlow", "NVIDIA_TENSORFLOW_VERSION"),
    ("JAX", "NVIDIA_JAX_VERSION"),
    ("MXNet", "NVIDIA_MXNET_VERSION"),
    ("vLLM", "NVIDIA_VLLM_VERSION"),
    ("PyTorch", "PYTORCH_VERSION"),
    ("TensorFlow", "TENSORFLOW_VERSION"),
    ("JAX", "JAX_VERSION"),
    ("MXNet", "MXNET_VERSION"),
    ("vLLM", "VLLM_VERSION"),
    ("RAPIDS", "RAPIDS_VERSION"),
)
_LABELS = (
    ("PyTorch", "com.nvidia.pytorch.version"),
    ("TensorFlow", "com.nvidia.tensorflow.version"),
    ("MXNet", "com.nvidia.mxnet.version"),
)
# Words of a repository's name; the label of a derived image is kept by this order.
_REPOSITORY = (
    ("pytorch", "PyTorch"),
    ("tensorflow", "TensorFlow"),
    ("rapidsai", "RAPIDS"),
    ("rapids", "RAPIDS"),
    ("jax", "JAX"),
    ("vllm", "vLLM"),
    ("sglang", "SGLang"),
    ("mxnet", "MXNet"),
    ("paddlepaddle", "PaddlePaddle"),
    ("paddle", "PaddlePaddle"),
)
_VERSION = re.compile(r"\d+(?:\.\d+){0,3}", re.ASCII)
_TAG_VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)(?![\d.])", re.ASCII)
_TAG_CUDA = re.compile(r"cu(?:da)?-?(\d{1,2}(?:\.\d+){0,2}|\d{3})(?![\d.])", re.ASCII)
_PATH_PYTHON = re.compile(r"/python(3\.\d{1,2})/", re.ASCII)


@dataclass(frozen=True)
class Description:
    """What is known of an image without, or better with, a look inside."""

    framework: Framework | None = None
    cuda: str | None = None  # toolkit version, "12.4.1"; "12" where only the tag tells
    python: str | None = None  # "3.12" or "3.12.4"


def describe(image: Image) -> Description:
    """Read framework, CUDA and Python from the environment, the labels, then the tag.

    ``NVIDIA_REQUIRE_CUDA`` and the label ``com.nvidia.cuda.version`` are not read: NVIDIA's own
    framework images say 9.0 there whatever they hold.
    """
    return Description(framework=_framework(image), cuda=_cuda(image), python=_python(image))


def label_of(image: Image) -> str:
    """Return a short label for titles: framework and version, else repository and tag.

    >>> label_of(Image("sha256:0", references=("pytorch/pytorch:2.6.0-cuda12.4-cudnn9-devel",)))
    'PyTorch 2.6'
    >>> label_of(Image("sha256:0", references=("ubuntu:24.04",)))
    'ubuntu 24.04'
    """
    framework = _framework(image)
    if framework is not None:
        version = ".".join((framework.version or "").split(".")[:2])
        return f"{framework.name} {version}".strip()
    for reference in _references(image):
        name = reference.repository.rpartition("/")[2]
        tag = reference.tag if reference.tag not in (None, "latest") else ""
        return f"{name} {tag}".strip()[:40]
    return image.id.removeprefix("sha256:")[:12]


def _references(image: Image) -> Iterator[ImageReference]:
    for text in image.references:
        with contextlib.suppress(InvalidImageReferenceError):  # "<none>:<none>" of a dangling image
            yield ImageReference.parse(text)


def _env(image: Image) -> dict[str, str]:
    return dict(image.config.env) if image.config else {}


def _labels(image: Image) -> dict[str, str]:
    return {**image.labels, **(image.config.labels if image.config else {})}


def _number(text: str | None, parts: int = 3) -> str | None:
    """Return the leading dotted number of a version, at most so many parts of it."""
    match = _VERSION.match(text or "")
    return ".".join(match[0].split(".")[:parts]) if match else None


def _framework(image: Image) -> Framework | None:
    for source, keys in ((_env(image), _ENV), (_labels(image), _LABELS)):
        for name, key in keys:
            if version := _number(source.get(key)):
                return Framework(name, version)
    for reference in _references(image):
        words = re.split(r"[/_.-]", reference.repository)
        for word, name in _REPOSITORY:
            if word in words:
                return Framework(name, _tag_version(reference))
    return None


def _tag_version(reference: ImageReference) -> str | None:
    """The tag's first word, where it is a version: 2.6.0-cuda12.4 is one, cuda12-latest is not."""
    match = _TAG_VERSION.match(reference.tag or "")
    return match[1] if match else None


def _cuda(image: Image) -> str | None:
    if version := _number(_env(image).get("CUDA_VERSION")):
        return version
    return next(filter(None, map(cuda_of_tag, _references(image))), None)


def cuda_of_tag(reference: ImageReference) -> str | None:
    """Return the CUDA version that a tag names: "12.4" of ``cuda12.4``, "12.9" of ``cu129``."""
    match = _TAG_CUDA.search(reference.tag or "")
    if match is None:
        return None
    digits = match[1]
    return f"{digits[:2]}.{digits[2]}" if len(digits) == 3 and "." not in digits else digits


def _python(image: Image) -> str | None:
    if image.probe is not None:
        return image.probe.python
    env = _env(image)
    if version := _number(env.get("PYTHON_VERSION")):
        return version
    for key in ("PATH", "LD_LIBRARY_PATH"):
        if match := _PATH_PYTHON.search(env.get(key, "")):
            return match[1]
    return None
