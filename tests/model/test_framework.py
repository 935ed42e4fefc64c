"""What images say of themselves: values of public images, env before labels before tag."""

import pytest

from jupyter_gpu_containers.model.image.framework import Description, describe, label_of
from jupyter_gpu_containers.model.image.image import Framework, Image, ImageConfig, ImageProbe

# reference, variables, labels -> framework, CUDA, Python, label. Values as the images have them.
PUBLIC = [
    pytest.param(
        "nvcr.io/nvidia/pytorch:26.07-py3",
        {
            "CUDA_VERSION": "13.3.1.008",
            "NVIDIA_REQUIRE_CUDA": "cuda>=9.0",
            "NVIDIA_PRODUCT_NAME": "PyTorch",
            "PYTORCH_VERSION": "2.13.0a0+9186a08",
            "NVIDIA_PYTORCH_VERSION": "26.07",
            "LD_LIBRARY_PATH": "/usr/local/lib/python3.12/dist-packages/torch/lib",
        },
        {"com.nvidia.cuda.version": "9.0", "com.nvidia.pytorch.version": "2.13.0a0+9186a08"},
        Description(Framework("PyTorch", "26.07"), "13.3.1", "3.12"),
        "PyTorch 26.07",
        id="NGC PyTorch; its own cuda.version label is wrong",
    ),
    pytest.param(
        "nvcr.io/nvidia/tensorflow:21.06-tf2-py3",
        {
            "CUDA_VERSION": "11.3.1.005",
            "TENSORFLOW_VERSION": "2.5.0",
            "NVIDIA_TENSORFLOW_VERSION": "21.06-tf2",
        },
        {"com.nvidia.tensorflow.version": "2.5.0"},
        Description(Framework("TensorFlow", "21.06"), "11.3.1", None),
        "TensorFlow 21.06",
        id="NGC TensorFlow",
    ),
    pytest.param(
        "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-devel",
        {"CUDA_VERSION": "12.4.1", "NVIDIA_PRODUCT_NAME": "CUDA", "PYTORCH_VERSION": "2.6.0"},
        {},
        Description(Framework("PyTorch", "2.6.0"), "12.4.1", None),
        "PyTorch 2.6",
        id="PyTorch on a CUDA base",
    ),
    pytest.param(
        "pytorch/pytorch:2.5.1-cuda12.1-cudnn9-runtime",
        {"PYTORCH_VERSION": "2.5.1"},
        {"org.opencontainers.image.version": "22.04"},
        Description(Framework("PyTorch", "2.5.1"), "12.1", None),
        "PyTorch 2.5",
        id="only the tag tells CUDA",
    ),
    pytest.param(
        "tensorflow/tensorflow:2.1.0-gpu-py3",
        {"CUDA_VERSION": "10.1.243"},
        {},
        Description(Framework("TensorFlow", "2.1.0"), "10.1.243", None),
        "TensorFlow 2.1",
        id="only the tag tells TensorFlow",
    ),
    pytest.param(
        "quay.io/jupyter/pytorch-notebook:cuda12-latest",
        {"CONDA_DIR": "/opt/conda"},
        {},
        Description(Framework("PyTorch", None), "12", None),
        "PyTorch",
        id="only the repository tells PyTorch",
    ),
    pytest.param(
        "rapidsai/base:26.10-cuda12.9-py3.13",
        {"CUDA_VERSION": "12.9.1", "PYTHON_VERSION": "3.13"},
        {},
        Description(Framework("RAPIDS", "26.10"), "12.9.1", "3.13"),
        "RAPIDS 26.10",
        id="RAPIDS",
    ),
    pytest.param(
        "lmsysorg/sglang:v0.5.15-cu129",
        {},
        {},
        Description(Framework("SGLang", "0.5.15"), "12.9", None),
        "SGLang 0.5",
        id="cu129 is CUDA 12.9",
    ),
    pytest.param(
        "nvidia/cuda:12.4.1-base-ubuntu22.04",
        {"CUDA_VERSION": "12.4.1"},
        {},
        Description(None, "12.4.1", None),
        "cuda 12.4.1-base-ubuntu22.04",
        id="CUDA without a framework",
    ),
    pytest.param(
        "quay.io/jupyter/scipy-notebook:latest",
        {},
        {},
        Description(None, None, None),
        "scipy-notebook",
        id="nothing special",
    ),
]


@pytest.mark.parametrize(("reference", "env", "labels", "expected", "label"), PUBLIC)
def test_public_images(
    reference: str, env: dict[str, str], labels: dict[str, str], expected: Description, label: str
) -> None:
    image = Image("sha256:0", (reference,), config=ImageConfig(env, labels))
    assert describe(image) == expected
    assert label_of(image) == label


def test_labels_of_the_list_count_before_an_image_was_looked_up() -> None:
    image = Image("sha256:0", ("me/x:1",), labels={"com.nvidia.pytorch.version": "2.8.0a0+3"})
    assert describe(image) == Description(Framework("PyTorch", "2.8.0"), None, None)


def test_a_look_inside_knows_python_better_than_the_environment() -> None:
    config = ImageConfig({"PYTHON_VERSION": "3.10.1"})
    inside = Image("sha256:0", config=config, probe=ImageProbe(python="3.12.4"))
    assert describe(inside).python == "3.12.4"
    assert describe(inside.with_probe(ImageProbe(python=None))).python is None


@pytest.mark.parametrize("version", ["", "latest", "<b>2.6</b>", "$(id)", "\x1b[31m2.6"])
def test_what_is_no_version_tells_nothing(version: str) -> None:
    image = Image("sha256:0", ("me/x:1",), config=ImageConfig({"PYTORCH_VERSION": version}))
    assert describe(image) == Description()
    assert label_of(image) == "x 1"


@pytest.mark.parametrize("references", [(), ("<none>:<none>",)])
def test_images_without_a_usable_reference_are_called_by_their_id(
    references: tuple[str, ...],
) -> None:
    assert label_of(Image("sha256:0123456789abcdef", references)) == "0123456789ab"
