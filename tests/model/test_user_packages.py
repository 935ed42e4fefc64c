"""Where an ordinary user's packages go inside a container."""

from __future__ import annotations

import pytest

from jupyter_gpu_containers.model.image.image import Image, ImageConfig, ImageProbe, ImagePython
from jupyter_gpu_containers.model.image.user_packages import USER_BASE, user_folders, user_variables

PYTHONS = (
    ImagePython("3.11.2", "/usr/bin/python3"),
    ImagePython("3.12.1", "/opt/conda/bin/python"),
    ImagePython("3.11.9", "/usr/local/bin/python3"),
)
IMAGE = Image("sha256:" + "1" * 64, config=ImageConfig(), probe=ImageProbe("3.11.2", (), PYTHONS))


def test_every_python_of_the_image_finds_its_folder_at_its_start() -> None:
    folders = user_folders(IMAGE, 1000)
    assert folders == (
        USER_BASE,
        f"{USER_BASE}/bin",
        f"{USER_BASE}/lib",
        f"{USER_BASE}/lib/python3.11",
        f"{USER_BASE}/lib/python3.11/site-packages",
        f"{USER_BASE}/lib/python3.11/site-packages/__pycache__",
        f"{USER_BASE}/lib/python3.12",
        f"{USER_BASE}/lib/python3.12/site-packages",
        f"{USER_BASE}/lib/python3.12/site-packages/__pycache__",
    )
    assert user_variables(folders)["PYTHONUSERBASE"] == USER_BASE


@pytest.mark.parametrize(
    ("image", "uid"),
    [
        (IMAGE, 0),  # root writes into the image's own folders
        (None, 1000),
        (Image("x"), 1000),
        (Image("x", probe=ImageProbe()), 1000),
        (Image("x", config=ImageConfig({"PYTHONUSERBASE": "/mine"}), probe=IMAGE.probe), 1000),
    ],
)
def test_where_no_folder_is_made(image: Image | None, uid: int) -> None:
    assert user_folders(image, uid) == ()
    assert "PYTHONUSERBASE" not in user_variables(())


def test_an_image_that_was_committed_here_gets_its_folders_again() -> None:
    config = ImageConfig({"PYTHONUSERBASE": USER_BASE})
    image = Image("x", config=config, probe=ImageProbe("3.9.2"))
    assert f"{USER_BASE}/lib/python3.9/site-packages" in user_folders(image, 1000)
