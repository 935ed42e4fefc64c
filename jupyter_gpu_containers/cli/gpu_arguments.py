"""``--gpus``, ``--gpu``, ``--gpu-profile`` and sizes: alike in every command that takes them."""

from __future__ import annotations

import argparse
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.gpu.names import MIG_PROFILE, GpusAsked
from jupyter_gpu_containers.model.kernel.per_run import PerRun
from jupyter_gpu_containers.model.size import parse_size

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
        "--gpu-profile",
        type=_profile,
        metavar="PROFILE",
        help="MIG instances of this size, such as 1g.10gb",
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


def _profile(text: str) -> str:
    if not MIG_PROFILE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"“{text[:40]}” is not the size of a MIG instance. It looks like 1g.10gb or 1c.3g.40gb"
        )
    return text


def named(arguments: Any) -> list[str]:
    """Return the GPUs that were named, by either option."""
    return [*arguments.gpus.names, *arguments.gpu]


def sizes(arguments: Any) -> PerRun:
    """Return what was asked for besides the environment's own: sizes, and ``--gpus``.

    Raises
    ------
    InvalidRequestError
        A size cannot be understood, or no kernel could live with it.
    """
    return PerRun(
        arguments.gpus.count,
        parse_size(arguments.memory) if arguments.memory else None,
        parse_size(arguments.shm_size) if arguments.shm_size else None,
        arguments.gpus.names,
    )
