"""``jobs`` and ``cancel``: what running servers fetch, send and build."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from jupyter_gpu_containers.errors import ConflictError
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.services import Services

from .completion import offer
from .outcome import Outcome
from .rest import Server, ask_all, one_of, servers_of
from .tables import Style, moment, table

Json = dict[str, Any]
TITLES = ("JOB", "KIND", "IMAGE", "STATE", "DONE", "SINCE", "SERVER")
ENDED = ("succeeded", "failed", "cancelled")  # of a job
KERNEL_IDS = ("id", "kernel_id")


def add_jobs_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``jobs`` takes."""
    job = parser.add_argument(
        "job", metavar="JOB", nargs="?", help="only this one, with its steps; its id or its begin"
    )
    offer(job, "jobs")


def add_cancel_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``cancel`` takes."""
    target = parser.add_argument(
        "target",
        metavar="JOB_OR_LAUNCH",
        help="id of a job, or of a launch that does not run yet, or the beginning of one",
    )
    offer(target, "cancellable")


async def found_jobs(servers: list[Server]) -> list[tuple[Server, Json]]:
    """Return the jobs of several servers, newest first."""
    answers = await ask_all(servers, "jobs")
    found = [(server, job) for server, answer in answers for job in answer["jobs"]]
    return sorted(found, key=lambda one: one[1]["created"], reverse=True)


async def jobs(services: Services, arguments: Any) -> Outcome:
    """``jobs``: schema ``Job`` of the contract, with the address of its server."""
    found = await found_jobs(await servers_of(arguments))
    if arguments.job:
        server, job = one_of(found, arguments.job, keys=("id",), what="job")
        return Outcome({**job, "server": server.url}, lambda style: _whole(job, style))

    def text(style: Style) -> str:
        if not found:
            return "No server of yours fetches, sends or builds an image."
        return table(TITLES, [_cells(server, job) for server, job in found], style)

    return Outcome({"jobs": [{**job, "server": server.url} for server, job in found]}, text)


def _cells(server: Server, job: Json) -> tuple[str, ...]:
    return (
        job["id"][:8],
        job["kind"],
        job["reference"],
        job["state"],
        _share(job),
        moment(job["created"]),
        server.url,
    )


def _share(job: Json) -> str:
    if job["state"] in ("queued", *ENDED) or not job["current"]:
        return ""
    if not job["total"]:
        return format_bytes(job["current"])
    share = min(job["current"] / job["total"], 1.0)
    return f"{int(share * 100)} % of {format_bytes(job['total'])}"


def _whole(job: Json, style: Style) -> str:
    title = style.paint(f"{job['kind']} {job['reference']}", "bold")
    parts = [f"{title}: {job['state']} {_share(job)}".rstrip()]
    if job["steps"]:
        rows = [
            (step["id"], step["status"], format_bytes(step["current"])) for step in job["steps"]
        ]
        parts.append(table(("STEP", "STATUS", "BYTES"), rows, style))
    parts += job["log"]
    if job["error"]:
        parts.append(f"{job['error']['message']} {job['error']['hint']}".strip())
    return "\n".join(parts)


async def cancel(services: Services, arguments: Any) -> Outcome:
    """``cancel``: a job, or a launch that does not run yet; kernels are for ``stop``."""
    from .launches import FINAL, found_launches  # which shows launches, with their jobs

    servers = await servers_of(arguments)
    jobs_, launches = await asyncio.gather(found_jobs(servers), found_launches(servers))
    one_is_a_launch = any(
        (launch["id"] or "").startswith(arguments.target) for _, launch in launches
    )
    if not one_is_a_launch:
        server, job = one_of(jobs_, arguments.target, keys=("id",), what="job")
        after = await server.ask("DELETE", f"jobs/{job['id']}")
        return Outcome(
            {**after, "server": server.url},
            lambda style: f"{job['kind']} {job['reference']}: {after['state']}.",
        )
    server, launch = one_of(launches, arguments.target, keys=("id",), what="launch")
    called = launch["display_name"] or launch["environment"] or launch["image"]
    if launch["phase"] == "running":
        raise ConflictError(
            f"{called} runs already.", f"jupyter gpu-containers stop {launch['kernel_id']}"
        )
    if launch["phase"] not in FINAL:
        await server.ask("DELETE", f"launches/{launch['id']}")
    after = await server.ask("GET", f"launches/{launch['id']}")
    return Outcome({**after, "server": server.url}, lambda style: f"{called}: {after['phase']}.")
