"""Kernels that are carried into the test images: fetched once for many runs."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from pathlib import Path

from jupyter_gpu_containers.model.kernel.runtime import RuntimeTag
from jupyter_gpu_containers.runtime.carried import FOLDER, RuntimeStore
from tests.conftest import ROOT
from tests.kept import keep, key_of

PYTHONS = ("3.9", "3.11", "3.13")  # of images without a kernel


def copy_runtimes(folder: Path) -> None:
    """Make a data directory's `runtimes` as if the images here had been looked into before."""
    package = ROOT / "jupyter_gpu_containers"
    sources = [*package.glob("runtime/*.py"), package / "model" / "kernel" / "runtime.py"]
    kept = keep("runtimes", key_of(sys.version, *sorted(sources)), _fetch)
    shutil.copytree(kept / FOLDER.name, folder / FOLDER.name)


def _fetch(folder: Path) -> None:
    with closing(RuntimeStore(folder / FOLDER.name)) as store:
        tags = [RuntimeTag.make(python, "glibc", "amd64") for python in PYTHONS]
        for future in [store.prepare(tag) for tag in tags]:
            future.result()
