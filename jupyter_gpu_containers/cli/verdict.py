"""``verdict``: whether an image runs on this machine, or on one that somebody plans."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import ImageNotFoundError, InvalidRequestError
from jupyter_gpu_containers.model.fitness.host import Host
from jupyter_gpu_containers.model.fitness.host_document import go_architecture, parse_host
from jupyter_gpu_containers.model.fitness.verdict import (
    ImageClaims,
    Verdict,
    judge,
    verdict_document,
)
from jupyter_gpu_containers.model.image.document import parse_image_config
from jupyter_gpu_containers.service.services import Services

from .completion import offer
from .ending import asking
from .outcome import Outcome
from .tables import Style

_STDIN = "-"
_KINDS = {"compatible": "good", "likely": "good", "incompatible": "bad", "gpu-broken": "bad"}


def add_verdict_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an image, somewhere or as a document, and a machine as a document."""
    image = parser.add_mutually_exclusive_group(required=True)
    reference = image.add_argument(
        "reference", metavar="REF", nargs="?", help="an image on this machine or in a registry"
    )
    offer(reference, "images")
    config = image.add_argument(
        "--image-config",
        metavar="FILE",
        help="OCI image configuration, or what `docker image inspect` says; - is standard input",
    )
    host = parser.add_argument(
        "--host",
        metavar="FILE",
        help="machine to judge for, as JSON (driver_version, cuda_version, architecture, gpus); "
        "default: this machine",
    )
    offer(config, "files")
    offer(host, "files")


async def verdict(services: Services, arguments: Any) -> Outcome:
    """``verdict``: schema ``Verdict`` of the contract."""
    if arguments.reference is not None and arguments.host is None:
        details = await services.inspection.details(arguments.reference)
        return _outcome(details.verdict, arguments.reference)
    if arguments.image_config == arguments.host == _STDIN:
        raise InvalidRequestError("Standard input cannot be image and host at once.")
    host = await _host(services, arguments.host)
    if arguments.reference is not None:
        image = await _claims(services, arguments.reference, host)
    else:
        image = parse_image_config(await _read_json(arguments.image_config))
    return _outcome(judge(image, host), image.reference)


async def _host(services: Services, file: str | None) -> Host:
    """Return the machine to judge for: the one in a file, else this one."""
    if file is not None:
        return parse_host(await _read_json(file))
    host = await services.verdicts.host()
    if host.architecture is None:  # the engine is away; a rehearsal does not need it
        host = replace(host, architecture=go_architecture(platform.machine()))
    return host


async def _claims(services: Services, reference: str, host: Host) -> ImageClaims:
    """Look an image up for another machine: its variant for that processor, with all its bytes."""
    try:
        image = await services.backend.image(reference)
    except ImageNotFoundError:
        image = None
    if image is not None and image.config and host.architecture in (None, image.architecture):
        return ImageClaims(reference, image.config, image.architecture)
    architecture = host.architecture or go_architecture(platform.machine())
    remote = await services.registry.image(reference, architecture)
    return ImageClaims(reference, remote.config, remote.architecture, download=remote.size)


async def _read_json(file: str) -> Any:
    """Read a JSON file, or standard input for ``-``. Raises `InvalidRequestError`."""
    name = "Standard input" if file == _STDIN else f"“{file}”"
    try:
        if file == _STDIN:
            with asking():
                text = sys.stdin.buffer.read().decode()
        else:
            text = await asyncio.to_thread(Path(file).read_text, "utf-8")
        return json.loads(text)
    except OSError as exc:
        raise InvalidRequestError(f"{name} cannot be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"{name} is not JSON: {exc}.") from exc


def _outcome(found: Verdict, name: str) -> Outcome:
    document = verdict_document(found)
    return Outcome(document, lambda style: verdict_text(document, name, style))


def verdict_text(document: dict[str, Any], name: str, style: Style) -> str:
    """Return a verdict (schema ``Verdict``) for people, with each reason once."""
    rating = style.paint(document["verdict"], _KINDS.get(document["verdict"], "dim"))
    lines = [f"{style.paint(name, 'bold')}: {rating}" if name else rating]
    lines += [_reason(reason) for reason in document["reasons"]]
    for gpu in document["gpus"]:
        states = ", ".join(f"{key} {gpu[key]}" for key in ("driver", "arch", "requirement"))
        rating = style.paint(gpu["verdict"], _KINDS.get(gpu["verdict"], "dim"))
        lines.append(f"GPU {gpu['index']}: {rating}" + (f" ({states})" if gpu["driver"] else ""))
        lines += [_reason(r) for r in gpu["reasons"] if r not in document["reasons"]]
    return "\n".join(lines)


def _reason(reason: dict[str, str]) -> str:
    return f"  {reason['message']} [{reason['evidence']}]"
