"""``--gpus``, ``--gpu`` and ``--gpu-profile``: how many GPUs, or which, alike in every command."""

from __future__ import annotations

import argparse
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.names import GpusAsked

from .completion import offer


def add_gpu_arguments(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add all three; ``otherwise`` tells what holds without them."""
    add_gpus_argument(parser, otherwise)
    gpu = parser.add_argument(
        "--gpu",
        action="append",
        default=[],
        metavar="GPU",
        help="this GPU and no other, by index or UUID; may be given several times",
    )
    offer(gpu, "gpus")
    profile = parser.add_argument(
        "--gpu-profile", metavar="PROFILE", help="MIG instances of this size, such as 1g.10gb"
    )
    offer(profile, "profiles")


def add_gpus_argument(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add ``--gpus``, which becomes a `GpusAsked`."""
    gpus = parser.add_argument(
        "--gpus",
        type=_gpus,
        default=GpusAsked(),
        metavar="GPUS",
        help=f"how many, such as 2, or which, by index or UUID: device=0,2; {otherwise}",
    )
    offer(gpus, "gpus_or_count")


def _gpus(text: str) -> GpusAsked:
    try:
        return GpusAsked.parse(text)
    except InvalidRequestError as exc:
        raise argparse.ArgumentTypeError(f"{exc.message} {exc.hint}") from exc


def named(arguments: Any) -> list[str]:
    """Return the GPUs that were named, by either option."""
    return [*arguments.gpus.names, *arguments.gpu]
