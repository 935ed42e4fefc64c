"""``commit``: what a kernel's container has become, and an image of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.changes import Changes
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.web.change_serializers import changes_model

from .completion import offer
from .kernels import kernel_rows, select
from .outcome import Outcome
from .tables import Style, table
from .transfers import to_the_end

SHOWN = 30  # packages and files that people are told of


def add_commit_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``commit`` takes."""
    target = parser.add_argument(
        "target",
        metavar="KERNEL_OR_CONTAINER",
        help="id of a kernel or container, or the beginning of one; see ps",
    )
    offer(target, "kernels")
    parser.add_argument(
        "reference", metavar="REF", nargs="?", help="the image's name; not needed for a look"
    )
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--preview", action="store_true", help="only tell what the image would have")
    dockerfile = look.add_argument(
        "--dockerfile",
        metavar="FOLDER",
        nargs="?",
        const="-",
        help="only write a Dockerfile and lock files, which make the same again; default: print",
    )
    offer(dockerfile, "folders")


async def commit(services: Services, arguments: Any) -> Outcome:
    """``commit``: schema ``Job`` of the contract; with ``--preview`` schema ``Changes``."""
    looks = arguments.preview or arguments.dockerfile is not None
    if not looks and arguments.reference is None:
        raise InvalidRequestError(
            "The image needs a name.",
            f"jupyter gpu-containers commit {arguments.target} REF; or --preview, for a look.",
        )
    rows = await kernel_rows(services)
    caller = services.kernels.seats.caller
    (row,) = select(rows, [arguments.target], everything=False, caller=caller)
    if not looks:
        job = services.commits.submit(row.kernel_id, arguments.reference)
        return await to_the_end(services, job, arguments)
    changes = await services.commits.preview(row.kernel_id)
    if arguments.dockerfile not in (None, "-"):
        written = _write(changes, Path(arguments.dockerfile))
        return Outcome(
            changes_model(changes), lambda style: "\n".join(f"Wrote {path}." for path in written)
        )
    if arguments.dockerfile == "-":
        return Outcome(changes_model(changes), lambda style: _recipe(changes))
    return Outcome(changes_model(changes), lambda style: _text(changes, style))


def _write(changes: Changes, folder: Path) -> list[Path]:
    """Write the recipe; files that are there already are left alone."""
    files = {folder / name: text for name, text in _files(changes).items()}
    present = [str(path) for path in files if path.exists()]
    if present:
        raise InvalidRequestError(
            f"{', '.join(present)} would be overwritten.", "Name another folder, or move it away."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
    except OSError as exc:
        raise InvalidRequestError(f"{folder} cannot be written: {exc.strerror}.") from exc
    return list(files)


def _files(changes: Changes) -> dict[str, str]:
    return {"Dockerfile": changes.dockerfile, **changes.files}


def _recipe(changes: Changes) -> str:
    parts = [f"# --- {name}\n{text}" for name, text in _files(changes).items()]
    return "\n".join(parts).rstrip()


def _text(changes: Changes, style: Style) -> str:
    size = "" if changes.size is None else f"{format_bytes(changes.size)} more than "
    added = "1 file" if changes.added == 1 else f"{changes.added} files"
    counts = f"{added} added, {changes.changed} changed, {changes.removed} removed"
    parts = [f"{style.paint(f'{size}{changes.image}', 'bold')}\n{counts}."]
    if changes.packages:
        titles = ("PACKAGE", "BY", "CHANGE", "BEFORE", "AFTER")
        rows = [
            (p.name, p.manager, p.kind.value, p.before or "", p.after or "")
            for p in changes.packages[:SHOWN]
        ]
        parts.append(table(titles, rows, style) + _more(len(changes.packages)))
    if changes.folders:
        sums = [(f.folder, str(f.files), format_bytes(f.size)) for f in changes.folders]
        parts.append(table(("FOLDER", "FILES", "SIZE"), sums, style))
    if changes.credentials:
        title = style.paint("Whoever gets the image can read these:", "bad")
        files = [(file.path, file.reason) for file in changes.credentials[:SHOWN]]
        listed = table(("FILE", "WHAT IT IS"), files, style)
        parts.append(f"{title}\n{listed}{_more(len(changes.credentials))}")
    if changes.left_out:
        lines = []
        for one in changes.left_out:
            size = f" ({format_bytes(one.size)})" if one.size else ""
            packages = f"; packages: {', '.join(one.packages)}" if one.packages else ""
            lines.append(f"  {one.path}{size}: {one.reason}{packages}")
        parts.append("Not in the image:\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _more(number: int) -> str:
    return f"\n… and {number - SHOWN} more; see --json" if number > SHOWN else ""
