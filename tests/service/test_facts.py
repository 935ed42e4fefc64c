"""Findings about images in files: kept for all processes, and never trusted when damaged."""

import json
import logging
import os
from pathlib import Path

import pytest

from jupyter_gpu_containers.model.image.image import (
    Image,
    ImageConfig,
    ImageKernel,
    ImageProbe,
    ImagePython,
)
from jupyter_gpu_containers.runtime.facts import FileImageFacts

ID = "sha256:" + "a" * 64
FOUND = Image(
    ID,
    architecture="amd64",
    config=ImageConfig(env={"CUDA_VERSION": "12.4.1"}, labels={"maintainer": "ada"}),
    probe=ImageProbe(
        python="3.12.1",
        kernels=(
            ImageKernel("python3", "Python 3", "python", ("python3", "{connection_file}")),
            ImageKernel("scala", "Scala", "scala", ("almond",), interrupt_mode="message"),
            ImageKernel("bare", "Bare", "python", ("p",), runtime="cpython-39-musl-arm64"),
        ),
        pythons=(ImagePython("3.9.2", "/usr/bin/p", runtime="cpython-39-musl-arm64"),),
    ),
)


def test_another_process_finds_what_was_put(tmp_path: Path) -> None:
    FileImageFacts(tmp_path / "new").put(FOUND)
    assert FileImageFacts(tmp_path / "new").get([ID, "sha256:" + "b" * 64]) == {ID: FOUND}
    assert os.listdir(tmp_path / "new") == ["a" * 64 + ".json"]


def test_the_folder_is_private(tmp_path: Path) -> None:
    FileImageFacts(tmp_path / "new").put(FOUND)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_an_image_that_was_not_looked_into_stays_so(tmp_path: Path) -> None:
    bare = Image(ID, architecture="arm64")
    FileImageFacts(tmp_path).put(bare)
    assert FileImageFacts(tmp_path).get([ID]) == {ID: bare}


def test_references_are_not_facts(tmp_path: Path) -> None:
    FileImageFacts(tmp_path).put(Image(ID, references=("pytorch:latest",)))
    assert FileImageFacts(tmp_path).get([ID])[ID].references == ()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"id": "sha256:" + "b" * 64},
        {"architecture": 7},
        {"config": []},
        {"config": {"env": {"A": 1}, "labels": {}}},
        {"probe": {"python": "3", "kernels": [{"name": "x"}]}},
        {"probe": {"python": "3", "kernels": 5}},
    ],
)
def test_a_damaged_file_is_an_unknown_image(tmp_path: Path, change: dict[str, object]) -> None:
    FileImageFacts(tmp_path).put(FOUND)
    path = tmp_path / ("a" * 64 + ".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert FileImageFacts(tmp_path).get([ID]) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_a_file_that_is_no_document_is_an_unknown_image(tmp_path: Path, text: str) -> None:
    (tmp_path / ("a" * 64 + ".json")).write_text(text, encoding="latin-1")
    assert FileImageFacts(tmp_path).get([ID]) == {}


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "", "sha256:" + "A" * 64])
def test_only_image_ids_name_files(tmp_path: Path, image_id: str) -> None:
    facts = FileImageFacts(tmp_path)
    assert facts.get([image_id]) == {}
    with pytest.raises(ValueError, match="not an image id"):
        facts.put(Image(image_id))


def test_a_folder_that_cannot_be_written_costs_another_look_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    facts = FileImageFacts(tmp_path / "file")  # not a folder
    with caplog.at_level(logging.WARNING):
        facts.put(FOUND)
    assert facts.get([ID]) == {ID: FOUND}
    assert "Cannot remember image" in caplog.text
