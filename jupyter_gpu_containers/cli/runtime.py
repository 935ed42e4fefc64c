"""``runtime``: kernels that are carried into images, prepared ahead or brought as a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError, KernelNotInImageError
from jupyter_gpu_containers.model.kernel.runtime import LIBCS, MACHINES, RuntimeTag
from jupyter_gpu_containers.runtime.carried import KernelRuntime
from jupyter_gpu_containers.runtime.carried_bundle import load_bundle, write_bundle
from jupyter_gpu_containers.service.kernel.runtimes import KernelRuntimes
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.serializers import time_text

from .completion import offer
from .outcome import Outcome
from .tables import Style, table


def add_runtime_words(words: Any, common: argparse.ArgumentParser) -> None:
    """Add ``runtime`` and its actions to the words of the command line."""
    text = "Kernels for images that have none: prepare, list, bundle and load them."
    parser = words.add_parser("runtime", help=text, description=text)
    verbs = parser.add_subparsers(metavar="ACTION", required=True)

    text = "Fetch a kernel from the package index, so that no launch has to."
    one = verbs.add_parser("prepare", parents=[common], help=text, description=text)
    one.set_defaults(command=prepare)
    text = "whatever the Pythons of this image need"
    offer(one.add_argument("--image", metavar="REF", help=text), "images")
    one.add_argument("--python", metavar="VERSION", help="such as 3.11; default: this program's")
    one.add_argument("--libc", choices=LIBCS, help="default: glibc")
    one.add_argument("--arch", choices=sorted(MACHINES), help="default: the engine's")

    text = "Show the kernels that are prepared."
    shown = verbs.add_parser("list", parents=[common], help=text, description=text)
    shown.set_defaults(command=list_)

    text = "Write prepared kernels into a file, for machines without a package index."
    bundle_ = verbs.add_parser("bundle", parents=[common], help=text, description=text)
    bundle_.set_defaults(command=bundle)
    text = "such as kernels.tar.gz"
    offer(bundle_.add_argument("file", metavar="FILE", type=Path, help=text), "files")
    bundle_.add_argument(
        "runtimes", metavar="RUNTIME", nargs="*", help="as `runtime list` names them; default: all"
    )

    text = "Take the kernels of a file that `runtime bundle` wrote."
    load_ = verbs.add_parser("load", parents=[common], help=text, description=text)
    load_.set_defaults(command=load)
    offer(load_.add_argument("file", metavar="FILE", type=Path), "files")


async def prepare(services: Services, arguments: Any) -> Outcome:
    """``runtime prepare``: nothing happens where it is there already."""
    runtimes = _runtimes(services)
    chosen = (arguments.python, arguments.libc, arguments.arch)
    if arguments.image and any(chosen):
        raise InvalidRequestError(
            "--image tells Python, C library and architecture already.", "Leave the others out."
        )
    if arguments.image:
        found = await _for_image(services, runtimes, arguments.image)
    else:
        version = ".".join(map(str, sys.version_info[:2]))
        arch = arguments.arch or (await services.backend.info()).architecture
        tag = RuntimeTag.make(arguments.python or version, arguments.libc or "glibc", arch)
        found = [await runtimes.prepare(tag)]
    return _outcome(found, "Ready")


async def _for_image(
    services: Services, runtimes: KernelRuntimes, reference: str
) -> list[KernelRuntime]:
    image = await services.images.get(reference)
    kernels = image.probe.kernels if image.probe else ()
    wanted = [(kernel.runtime, kernel.argv[0]) for kernel in kernels if kernel.runtime]
    if not wanted:
        raise KernelNotInImageError(
            f"“{image.name}” has nothing that a kernel would be carried into"
            + (": it has its own." if kernels else ", and no kernel either."),
            f"See `jupyter gpu-containers inspect {reference}`.",
        )
    return [
        await runtimes.prepare(RuntimeTag.parse(text), python=python, image_id=image.id)
        for text, python in wanted
    ]


async def list_(services: Services, arguments: Any) -> Outcome:
    """``runtime list``: this user's, and those prepared for all."""
    found = await asyncio.to_thread(_runtimes(services).store.list)

    def text(style: Style) -> str:
        if not found:
            return (
                "No kernel is prepared. The first launch that needs one fetches it; or: "
                "jupyter gpu-containers runtime prepare"
            )
        titles = ("RUNTIME", "PYTHON", "IPYKERNEL", "COMPILED", "FOLDER")
        return table(titles, [_row(runtime) for runtime in found], style)

    return Outcome({"runtimes": [_model(runtime) for runtime in found]}, text)


async def bundle(services: Services, arguments: Any) -> Outcome:
    """``runtime bundle``: the file replaces one that is there."""
    store = _runtimes(services).store
    tags = [RuntimeTag.parse(text) for text in arguments.runtimes]
    chosen = await asyncio.to_thread(write_bundle, store, arguments.file, tags)
    return _outcome(chosen, f"Written to {arguments.file}", file=str(arguments.file))


async def load(services: Services, arguments: Any) -> Outcome:
    """``runtime load``: what is there already stays."""
    store = _runtimes(services).store
    return _outcome(await asyncio.to_thread(load_bundle, store, arguments.file), "Ready")


def _runtimes(services: Services) -> KernelRuntimes:
    assert services.kernels.runtimes is not None, "build_services makes it"
    return services.kernels.runtimes


def _outcome(runtimes: Sequence[KernelRuntime], done: str, **more: str) -> Outcome:
    def text(style: Style) -> str:
        return "\n".join(f"{done}: {one.tag} (ipykernel {one.ipykernel})" for one in runtimes)

    return Outcome({"runtimes": [_model(runtime) for runtime in runtimes], **more}, text)


def _row(runtime: KernelRuntime) -> tuple[str, ...]:
    of_image = f" by {runtime.image_id[7:19]}" if runtime.image_id else ""
    return (
        str(runtime.tag),
        runtime.tag.python,
        runtime.ipykernel,
        ("yes" if runtime.compiled else "no") + of_image,
        str(runtime.folder),
    )


def _model(runtime: KernelRuntime) -> dict[str, Any]:
    return {
        "name": str(runtime.tag),
        "python": runtime.tag.python,
        "libc": runtime.tag.libc,
        "arch": runtime.tag.arch,
        "ipykernel": runtime.ipykernel,
        "compiled": runtime.compiled,
        "created": time_text(runtime.created),
        "image_id": runtime.image_id,
        "folder": str(runtime.folder),
    }
