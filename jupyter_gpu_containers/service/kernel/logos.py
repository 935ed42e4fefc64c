"""Pictures of environments, for JupyterLab's launcher: one for each framework, else letters."""

from __future__ import annotations

import re
import zlib
from importlib.resources import files

from jupyter_gpu_containers.model.image.framework import describe, label_of
from jupyter_gpu_containers.model.image.image import Image, ImageKernel

LOGO = "logo-svg.svg"  # the name that Jupyter looks for
_FOLDER = files(__package__).joinpath("logos")
_FRAMEWORKS = {
    "PyTorch": "pytorch",
    "TensorFlow": "tensorflow",
    "JAX": "jax",
    "RAPIDS": "rapids",
    "vLLM": "vllm",
}
_WORD = re.compile(r"[A-Za-z]+", re.ASCII)
# White letters are read on each of them: contrast 4.5 and more.
_COLOURS = ("#1f6f8b", "#7a4fa3", "#a1456e", "#2f7d4f", "#9a5b13", "#4a5fb0", "#8a3b3b", "#56656f")
_TILE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">
  <rect x="4" y="4" width="56" height="56" rx="12" fill="{colour}"/>
  <text x="32" y="41" text-anchor="middle" font-family="Helvetica, Arial, sans-serif"
    font-size="26" font-weight="bold" fill="#ffffff">{letters}</text>
</svg>
"""


def logo_of(image: Image, kernel: ImageKernel) -> bytes:
    """Return the picture of an environment, as SVG.

    That of its framework; of others, and of kernels that do not speak Python, one or two letters on
    a colour that is always the same for the same image's name.

    Parameters
    ----------
    image : Image
    kernel : ImageKernel
        The kernel in it that the environment starts.
    """
    framework = describe(image).framework
    speaks_python = kernel.language.lower() in ("python", "")
    if framework is not None and speaks_python and framework.name in _FRAMEWORKS:
        return _FOLDER.joinpath(f"{_FRAMEWORKS[framework.name]}.svg").read_bytes()
    name = label_of(image) if speaks_python else kernel.language
    words = _WORD.findall(name)
    # letters of the Latin alphabet alone: nothing that an image says can be markup
    letters = "".join(word[0] for word in words[:2]).upper() if speaks_python else name[:1].upper()
    colour = _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]
    letters = letters if _WORD.fullmatch(letters) else "#"
    return _TILE.format(colour=colour, letters=letters).encode()
