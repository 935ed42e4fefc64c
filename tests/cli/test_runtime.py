"""``runtime``: kernels for images without one, in a terminal; the package index is a folder."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from .conftest import TORCH, Terminal

NAME = "cpython-39-glibc-amd64"
WANTED = ("--python", "3.9", "--libc", "glibc", "--arch", "amd64")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that has one ipykernel, which needs nothing."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "ipykernel-6.31.0.dist-info"
    content = {
        "ipykernel/__init__.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: ipykernel\nVersion: 6.31.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "ipykernel/__init__.py,,\n",
    }
    with zipfile.ZipFile(folder / "ipykernel-6.31.0-py3-none-any.whl", "w") as wheel:
        for name, text in content.items():
            wheel.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_from_the_index_to_a_machine_without_one(
    terminal: Terminal, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No kernel is prepared" in terminal("runtime", "list").out
    ran = terminal("runtime", "prepare", *WANTED)
    assert (ran.status, ran.out) == (0, f"Ready: {NAME} (ipykernel 6.31.0)\n")
    (listed,) = terminal("runtime", "list", "--json").json["runtimes"]
    assert (listed["name"], listed["python"], listed["ipykernel"]) == (NAME, "3.9", "6.31.0")
    assert Path(listed["folder"]).is_relative_to(tmp_path / "data_dir")

    file = tmp_path / "kernels.tar.gz"
    written = terminal("runtime", "bundle", str(file), "--json").json
    assert written["file"] == str(file)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "elsewhere"))
    assert terminal("runtime", "load", str(file)).out == f"Ready: {NAME} (ipykernel 6.31.0)\n"
    assert NAME in terminal("runtime", "list").out
    for path in index.iterdir():  # an index is not needed any more
        path.unlink()
    assert terminal("runtime", "prepare", *WANTED).status == 0


def test_what_cannot_be_had(terminal: Terminal, index: Path) -> None:
    ran = terminal("runtime", "prepare", "--python", "3.8", "--json")
    assert (ran.status, ran.json["code"]) == (1, "runtime_unavailable")
    assert "runtime bundle FILE" in ran.json["hint"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("prepare", "--python", "3.5"), "invalid_request"),
        (("prepare", "--python", "3.11", "--image", TORCH), "invalid_request"),
        (("prepare", "--image", TORCH), "kernel_not_in_image"),  # it has one of its own
        (("prepare", "--image", "nothing:1"), "image_not_found"),
        (("bundle", "x.tar.gz"), "runtime_not_found"),
        (("bundle", "x.tar.gz", "python3"), "invalid_request"),
        (("load", "x.tar.gz"), "invalid_request"),
    ],
)
def test_what_is_refused(terminal: Terminal, words: tuple[str, ...], code: str) -> None:
    ran = terminal("runtime", *words, "--json")
    assert ran.status == 1
    assert json.loads(ran.out)["code"] == code


def test_words_that_are_missing(terminal: Terminal) -> None:
    assert terminal("runtime").status == 2
    assert terminal("runtime", "prepare", "--libc", "uclibc").status == 2
