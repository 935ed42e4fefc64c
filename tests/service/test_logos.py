"""Pictures of environments: of the framework, else letters; never anything that an image says."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES, PYTHON_KERNEL
from jupyter_gpu_containers.model.image.image import Image, ImageConfig
from jupyter_gpu_containers.service.kernel.logos import logo_of

R_KERNEL = replace(PYTHON_KERNEL, name="ir", display_name="R", language="R")


def letters(logo: bytes) -> str | None:
    root = ElementTree.fromstring(logo)
    text = root.find("{http://www.w3.org/2000/svg}text")
    return None if text is None else text.text


def image(name: str, **env: str) -> Image:
    return Image("sha256:" + "1" * 64, references=(name,), config=ImageConfig(env=env))


@pytest.mark.parametrize("framework", ["PyTorch", "TensorFlow", "JAX", "RAPIDS", "vLLM"])
def test_a_framework_has_a_picture_of_its_own(framework: str) -> None:
    logo = logo_of(image("team/model:1", **{f"{framework.upper()}_VERSION": "2.6"}), PYTHON_KERNEL)
    assert letters(logo) is None
    assert logo != logo_of(image("team/model:1"), PYTHON_KERNEL)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("quay.io/jupyter/scipy-notebook:python-3.12", "SN"),
        ("team/analysis:3", "A"),
        ("registry.example.org/42:1", "#"),
    ],
)
def test_of_others_the_first_letters_are_shown(name: str, shown: str) -> None:
    assert letters(logo_of(image(name), PYTHON_KERNEL)) == shown
    assert logo_of(image(name), PYTHON_KERNEL) == logo_of(image(name), PYTHON_KERNEL)


def test_a_kernel_that_speaks_something_else_is_shown_by_it() -> None:
    assert letters(logo_of(DEMO_IMAGES[0], R_KERNEL)) == "R"


@pytest.mark.parametrize("hostile", ["<script>", "&amp;", '"/><x', "\u202e", "{letters}"])
def test_what_an_image_says_is_never_markup(hostile: str) -> None:
    kernel = replace(R_KERNEL, language=hostile)
    assert letters(logo_of(DEMO_IMAGES[0], kernel)) == "#"
