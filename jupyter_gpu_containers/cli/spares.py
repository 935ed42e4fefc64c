"""``spares``: containers that wait in running servers for the next kernels."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from jupyter_gpu_containers.model.size import format_memory
from jupyter_gpu_containers.service.services import Services

from .outcome import Outcome
from .rest import Server, ask_all, servers_of
from .tables import Style, table

Json = dict[str, Any]
TITLES = ("CONTAINER", "ENVIRONMENT", "READY", "GPUS", "MEMORY", "SERVER")


def add_spares_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``spares`` takes."""
    parser.add_argument(
        "--give-up",
        action="store_true",
        help="remove them, until kernels of their environments are started again",
    )


async def spares(services: Services, arguments: Any) -> Outcome:
    """``spares``: what schema ``Spares`` of the contract says, for each server."""
    answers = await ask_all(await servers_of(arguments), "spares")
    models = [{**answer, "server": server.url} for server, answer in answers]
    count = sum(len(answer["spares"]) for _, answer in answers)
    if arguments.give_up:
        await asyncio.gather(*(server.ask("DELETE", "spares") for server, _ in answers))
        what = "1 container" if count == 1 else f"{count} containers"
        return Outcome({"given_up": models}, lambda style: f"Gave {what} up.")

    def text(style: Style) -> str:
        if count:
            rows = [_cells(server, one) for server, answer in answers for one in answer["spares"]]
            return table(TITLES, rows, style)
        if not any(answer["max"] for _, answer in answers):
            return "No container waits for a kernel; the setting spare_kernels is off."
        return "No container waits for a kernel."

    return Outcome({"servers": models}, text)


def _cells(server: Server, spare: Json) -> tuple[str, ...]:
    return (
        spare["container_id"][:12],
        spare["display_name"],
        "yes" if spare["ready"] else "not yet",
        str(len(spare["gpus"])),
        "" if spare["memory"] is None else format_memory(spare["memory"]),
        server.url,
    )
