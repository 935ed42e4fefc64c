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

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.host import Host
from jupyter_gpu_containers.model.host_document import go_architecture, parse_host
from jupyter_gpu_containers.model.image_document import parse_image_config
from jupyter_gpu_containers.model.verdict import Verdict, judge, verdict_document
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.service.verdicts import Verdicts

from .outcome import Outcome
from .tables import Style

_STDIN = "-"
_KINDS = {"compatible": "good", "likely": "good", "incompatible": "bad", "gpu-broken": "bad"}


def add_verdict_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a rehearsal needs: an image and a machine as documents."""
    parser.add_argument(
        "--image-config",
        metavar="FILE",
        help="OCI image configuration, or what `docker image inspect` says; - is standard input",
    )
    parser.add_argument(
        "--host",
        metavar="FILE",
        help="machine to judge for, as JSON (driver_version, cuda_version, architecture, gpus); "
        "default: this machine",
    )


async def verdict(services: Services, arguments: Any) -> Outcome:
    """``verdict --image-config FILE``: schema ``Verdict`` of the contract."""
    if arguments.image_config == arguments.host == _STDIN:
        raise InvalidRequestError("Standard input cannot be image and host at once.")
    image = parse_image_config(await read_json(arguments.image_config))
    found = judge(image, await chosen_host(services, arguments.host))
    return verdict_outcome(found, image.reference)


async def chosen_host(services: Services, file: str | None) -> Host:
    """Return the machine to judge for: the one in a file, else this one."""
    if file is not None:
        return parse_host(await read_json(file))
    host = await Verdicts(services.backend, services.inventory).host()
    if host.architecture is None:  # the engine is away; a rehearsal does not need it
        host = replace(host, architecture=go_architecture(platform.machine()))
    return host


async def read_json(file: str) -> Any:
    """Read a JSON file, or standard input for ``-``. Raises `InvalidRequestError`."""
    name = "Standard input" if file == _STDIN else f"“{file}”"
    try:
        text = await asyncio.to_thread(_read, file)
        return json.loads(text)
    except OSError as exc:
        raise InvalidRequestError(f"{name} cannot be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"{name} is not JSON: {exc}.") from exc


def _read(file: str) -> str:
    data = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
    return data.decode()


def verdict_outcome(found: Verdict, name: str) -> Outcome:
    """Return a verdict as the end of a command."""
    document = verdict_document(found)
    return Outcome(document, lambda style: _text(document, name, style))


def _text(document: dict[str, Any], name: str, style: Style) -> str:
    rating = style.paint(document["verdict"], _KINDS.get(document["verdict"], "dim"))
    lines = [f"{style.paint(name, 'bold')}: {rating}" if name else rating]
    lines += [_reason(reason) for reason in document["reasons"]]
    for gpu in document["gpus"]:
        states = ", ".join(
            f"{key} {gpu[key]}" for key in ("driver", "arch", "requirement") if gpu[key]
        )
        rating = style.paint(gpu["verdict"], _KINDS.get(gpu["verdict"], "dim"))
        lines.append(f"GPU {gpu['index']}: {rating}" + (f" ({states})" if states else ""))
        lines += [_reason(r) for r in gpu["reasons"] if r not in document["reasons"]]
    return "\n".join(lines)


def _reason(reason: dict[str, str]) -> str:
    return f"  {reason['message']} [{reason['evidence']}]"
