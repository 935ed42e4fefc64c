"""Findings about images, kept in files: one JSON document per image id."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.model.image.image import (
    Image,
    ImageConfig,
    ImageKernel,
    ImageProbe,
    ImagePython,
    is_image_id,
)
from jupyter_gpu_containers.ports import ImageFactsStore

log = logging.getLogger(__name__)

FORMAT = 4  # a file of another format is unknown, and written anew after the next look


class FileImageFacts(ImageFactsStore):
    """Remembers findings in a directory, shared by all of a user's processes.

    An image id never changes its meaning, so nothing here can grow stale. A file that cannot be
    read is an image that was not looked at.

    Parameters
    ----------
    directory : Path
        Made when the first finding is stored.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Image] = {}  # facts do not change: read each file once

    def get(self, image_ids: Sequence[str]) -> dict[str, Image]:
        """Return the remembered images among these ids."""
        wanted = [image_id for image_id in image_ids if image_id not in self._known]
        there = self._files() if wanted else set()
        for image_id in wanted:
            # of most images of an engine nothing is known: no file is opened to find that out
            if _file_name(image_id) in there and (image := self._read(image_id)) is not None:
                self._known[image_id] = image
        return {
            image_id: self._known[image_id] for image_id in image_ids if image_id in self._known
        }

    def _files(self) -> set[str]:
        try:
            return set(os.listdir(self._directory))
        except FileNotFoundError:
            return set()
        except OSError as exc:
            log.warning("The remembered facts of images are not read: %s", exc)
            return set()

    def put(self, image: Image) -> None:
        """Remember an image's config and probe."""
        if not is_image_id(image.id):
            raise ValueError(f"not an image id: {image.id!r}")
        self._known[image.id] = image
        document = {
            "format": FORMAT,
            "id": image.id,
            "architecture": image.architecture,
            "config": asdict(image.config) if image.config else None,
            "probe": asdict(image.probe) if image.probe else None,
        }
        try:
            self._write(self._path(image.id), json.dumps(document))
        except OSError as exc:
            # The finding is kept in memory; another process will look again, which costs a second.
            log.warning("Cannot remember image %s in %s: %s", image.id, self._directory, exc)

    def _write(self, path: Path, text: str) -> None:
        """Write beside and rename, so that another process never reads half a file."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._directory, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise

    def _path(self, image_id: str) -> Path:
        return self._directory / _file_name(image_id)

    def _read(self, image_id: str) -> Image | None:
        if not is_image_id(image_id):
            return None
        try:
            document = json.loads(self._path(image_id).read_text(encoding="utf-8"))
            if document["format"] != FORMAT or document["id"] != image_id:
                return None
            return Image(
                id=image_id,
                architecture=_text_or_none(document["architecture"]),
                config=_config(document["config"]),
                probe=_probe(document["probe"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
            log.warning("The remembered facts of image %s are damaged: %r", image_id, exc)
            return None


def _file_name(image_id: str) -> str:
    return f"{image_id.removeprefix('sha256:')}.json"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r:.80}")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {_text(key): _text(item) for key, item in value.items()}


def _config(value: Mapping[str, Any] | None) -> ImageConfig | None:
    if value is None:
        return None
    return ImageConfig(env=_texts(value["env"]), labels=_texts(value["labels"]))


def _probe(value: Mapping[str, Any] | None) -> ImageProbe | None:
    if value is None:
        return None
    kernels = tuple(
        ImageKernel(
            name=_text(kernel["name"]),
            display_name=_text(kernel["display_name"]),
            language=_text(kernel["language"]),
            argv=tuple(_text(arg) for arg in kernel["argv"]),
            debugger=bool(kernel["debugger"]),
            interrupt_mode=_text(kernel["interrupt_mode"]),
            runtime=_text_or_none(kernel["runtime"]),
        )
        for kernel in value["kernels"]
    )
    pythons = tuple(
        ImagePython(
            version=_text(python["version"]),
            executable=_text(python["executable"]),
            ipykernel=bool(python["ipykernel"]),
            runtime=_text_or_none(python["runtime"]),
        )
        for python in value["pythons"]
    )
    return ImageProbe(_text_or_none(value["python"]), kernels, pythons)
