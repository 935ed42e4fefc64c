"""Where an ordinary user's packages go: into the container, so that they can become an image.

An ordinary user cannot write into an image's own Python; pip then installs for the user, and HOME
is a mount that no image keeps. So a kernel gets a folder of its own inside the container, given to
it before the start, and Python is told that it is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping

from .image import Image

USER_BASE = "/opt/jupyter-gpu-containers/packages"
VARIABLE = "PYTHONUSERBASE"  # https://docs.python.org/3/using/cmdline.html
PACKAGES = ("site-packages", "site-packages/__pycache__")
# A container is nothing that a distribution must guard (PEP 668 says so of images, too), and root
# in it needs no warning with every package.
PIP_VARIABLES = {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def user_folders(image: Image | None, uid: int) -> tuple[str, ...]:
    """Return the folders that are made for a user's packages, parents first.

    ``site-packages`` is among them: Python takes it up only where it is there when the kernel
    starts, and what a cell installs can then be imported by the next one.

    Parameters
    ----------
    image : Image, optional
        What is remembered of it. Without knowing its Pythons nothing is made.
    uid : int
        root installs into the image's own folders.
    """
    if uid == 0 or image is None or image.probe is None:
        return ()
    if image.config is not None and image.config.env.get(VARIABLE, USER_BASE) != USER_BASE:
        return ()  # the image has its own idea of that
    versions = {".".join(p.version.split(".")[:2]) for p in image.probe.pythons}
    if not versions and image.probe.python:
        versions = {".".join(image.probe.python.split(".")[:2])}
    if not versions:
        return ()
    folders = [USER_BASE, f"{USER_BASE}/bin", f"{USER_BASE}/lib"]
    for version in sorted(versions):
        library = f"{USER_BASE}/lib/python{version}"
        # with the compiled modules: who starts a kernel of an image that somebody else has
        # committed can then add to it
        folders += [library, *(f"{library}/{name}" for name in PACKAGES)]
    return tuple(folders)


def user_variables(folders: tuple[str, ...]) -> Mapping[str, str]:
    """Return what tells Python and pip where a user's packages go."""
    return {**PIP_VARIABLES, VARIABLE: USER_BASE} if folders else PIP_VARIABLES
