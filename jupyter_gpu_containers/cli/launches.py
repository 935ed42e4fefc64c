"""``launches``, ``start``, ``start-on-cpu`` and ``keep-alive``: kernels of running servers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.gpu.device import Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.gpu.names import gpus_named
from jupyter_gpu_containers.model.size import format_bytes
from jupyter_gpu_containers.service.services import Services

from .completion import offer
from .gpu_arguments import add_gpu_arguments, named, sizes
from .outcome import Outcome
from .rest import Server, ask_all, one_of, servers_of
from .tables import Style, moment, plain, table

Json = dict[str, Any]
WITH_IMAGE = ("pull", "kernel", "gpu_profile", "memory", "shm_size", "mount")
TITLES = ("LAUNCH", "KERNEL", "ENVIRONMENT", "PHASE", "SINCE", "NOTEBOOK", "SERVER")
FINAL = ("failed", "cancelled")
LOOK = 0.3  # seconds between two looks at a launch
NAMES = ("id", "kernel_id", "path")
LAUNCH_HELP = "id of a launch or kernel, or the beginning of one; or the notebook's path"


def add_launches_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``launches`` takes."""
    one = parser.add_argument(
        "launch", metavar="LAUNCH", nargs="?", help=f"only this one, in full; {LAUNCH_HELP}"
    )
    offer(one, "launches")


def add_launch_argument(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add the launch that a command is about; a kind of `names` tells which can be meant."""
    offer(parser.add_argument("launch", metavar="LAUNCH", help=LAUNCH_HELP), kind)


def add_start_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``start`` takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    environment = what.add_argument(
        "environment", metavar="ENVIRONMENT", nargs="?", help="name of an environment"
    )
    offer(environment, "environments")
    text = "an image instead, with the options up to --mount"
    offer(what.add_argument("--image", metavar="REF", help=text), "images")
    parser.add_argument("--pull", action="store_true", help="fetch the image where it is not here")
    parser.add_argument("--kernel", metavar="NAME", help="kernel in the image; default: its first")
    add_gpu_arguments(parser, "default: the environment's, with an image none")
    parser.add_argument("--memory", metavar="SIZE", help="limit of memory, for example 8g")
    parser.add_argument("--shm-size", metavar="SIZE", help="size of /dev/shm, for example 1g")
    mount = parser.add_argument(
        "--mount", action="append", metavar="NAME", help="a data mount; may be given several times"
    )
    offer(mount, "mounts")
    parser.add_argument(
        "--path",
        metavar="NOTEBOOK",
        help="the notebook that it is for, as the server names it; ends unless a page opens that",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="fail with 4 where too few GPUs are free"
    )
    parser.add_argument(
        "-d", "--detach", action="store_true", help="do not stay until it runs or fails"
    )


async def found_launches(servers: list[Server]) -> list[tuple[Server, Json]]:
    """Return the launches of several servers, newest first."""
    answers = await ask_all(servers, "launches")
    found = [(server, launch) for server, answer in answers for launch in answer["launches"]]
    return sorted(found, key=lambda one: _since(one[1]["phases"][:1]), reverse=True)


def _since(phases: list[Json]) -> str:
    return str(phases[-1]["at"]) if phases else ""


async def launches(services: Services, arguments: Any) -> Outcome:
    """``launches``: schema ``Launch`` of the contract, with the address of its server."""
    found = await found_launches(await servers_of(arguments))
    if arguments.launch:
        server, launch = one_of(found, arguments.launch, keys=NAMES, what="launch")
        return Outcome({**launch, "server": server.url}, lambda style: _whole(launch, style))

    def text(style: Style) -> str:
        if not found:
            return "No server of yours has started a kernel in a container."
        return table(TITLES, [_cells(server, launch) for server, launch in found], style)

    return Outcome({"launches": [{**one, "server": server.url} for server, one in found]}, text)


def _cells(server: Server, launch: Json) -> tuple[str, ...]:
    return (
        launch["id"][:8],
        (launch["kernel_id"] or "")[:8],
        called(launch),
        _phase(launch),
        moment(_since(launch["phases"])),
        launch["path"],
        server.url,
    )


def called(launch: Json) -> str:
    """Return a name of a launch for people."""
    return str(launch["display_name"] or launch["environment"] or launch["image"])


def _phase(launch: Json) -> str:
    """Return its phase; of one that waits the place, of one that nobody uses that it will end."""
    if queue := launch["queue"]:
        return f"waiting, {queue['position']} of {queue['length']}"
    if idle := launch["idle"]:
        return f"running, idle until {moment(idle['stop_at'])}"
    return str(launch["phase"])


def _whole(launch: Json, style: Style) -> str:
    facts = {
        "launch": launch["id"],
        "kernel": launch["kernel_id"],
        "container": (launch["container_id"] or "")[:12],
        "image": launch["image"],
        "notebook": launch["path"],
        "GPUs": ", ".join(launch["gpus"]),
        "phase": _phase(launch),
    }
    width = max(map(len, facts)) + 2
    lines = [style.paint(called(launch), "bold")]
    lines += [f"{name:<{width}}{plain(value)}" for name, value in facts.items() if value]
    lines += [f"{'':<{width}}{phase['at']}  {phase['phase']}" for phase in launch["phases"]]
    problems = [*launch["warnings"], *([launch["error"]] if launch["error"] else [])]
    lines += [f"{each['message']} {each['hint']}".strip() for each in problems]
    if launch["error"] and launch["error"].get("log"):
        lines += ["last lines of its log:", launch["error"]["log"].rstrip()]
    return "\n".join(lines)


async def start(services: Services, arguments: Any) -> Outcome:
    """``start``: stays until the kernel runs; Ctrl-C before that cancels the launch."""
    (server, *others) = await servers_of(arguments)
    if others:
        raise InvalidRequestError(
            f"{len(others) + 1} servers of yours run here.",
            f"Name one with --server {server.url}; see jupyter server list.",
        )
    gpus = await _gpus(server, arguments)
    posting = asyncio.ensure_future(server.ask("POST", "launches", _request(arguments) | gpus))
    try:
        launch = await asyncio.shield(posting)
        if not arguments.detach:
            launch = await _until_it_runs(server, launch, quiet=arguments.json)
    except asyncio.CancelledError:
        begun = await posting  # it may have been on its way
        await server.ask("DELETE", f"launches/{begun['id']}")
        raise
    return Outcome({**launch, "server": server.url}, lambda style: _started(launch))


async def _gpus(server: Server, arguments: Any) -> Json:
    """Return what schema ``NewLaunch`` has of GPUs; they are named as the server's machine does."""
    names = named(arguments)
    wanted: Json = {"gpus": arguments.gpus.count, "gpu_profile": arguments.gpu_profile}
    if names:
        there = await server.ask("GET", "gpus")
        fields = ("uuid", "index", "name", "mig_profile")
        gpus = tuple(Gpu(**{key: gpu[key] for key in fields}) for gpu in there["gpus"])
        why = there["problem"] and Problem(**there["problem"])
        snapshot = GpuSnapshot(gpus, problem=why)
        wanted["gpu_uuids"] = [gpu.uuid for gpu in gpus_named(snapshot, names)]
    return {key: value for key, value in wanted.items() if value is not None}


def _request(arguments: Any) -> Json:
    """Return schema ``NewLaunch``; the server checks it.

    Raises
    ------
    InvalidRequestError
        An environment and what only images are started with: the server would pass it over.
    """
    given = [name for name in WITH_IMAGE if getattr(arguments, name) not in (None, False)]
    if arguments.gpus.count is not None:
        given.append("gpus")
    if arguments.environment and given:
        raise InvalidRequestError(
            f"--{given[0].replace('_', '-')} goes with --image alone: an environment says itself "
            "what its kernels get.",
            "Which GPUs can be said: --gpus device=0. For the rest add an environment that says "
            "otherwise; see jupyter gpu-containers environments add --help",
        )
    limits = sizes(arguments)
    wanted = {
        "environment": arguments.environment,
        "image": arguments.image,
        "kernel": arguments.kernel,
        "memory": limits.memory,
        "shm_size": limits.shm_size,
        "mounts": arguments.mount,
        "path": arguments.path,
        "pull": arguments.pull or None,
        "wait": False if arguments.no_wait else None,
    }
    return {key: value for key, value in wanted.items() if value is not None}


async def _until_it_runs(server: Server, launch: Json, *, quiet: bool) -> Json:
    """Follow a launch; what is new in it is told on standard error.

    Raises
    ------
    GpuContainersError
        Why it has failed, or that somebody has cancelled it.
    """
    said = ""
    while True:
        text = progress_text(launch)
        if text != said and not quiet:
            print(text, file=sys.stderr, flush=True)
            said = text
        if launch["phase"] == "running":
            return launch
        if launch["phase"] in FINAL:
            error = launch["error"] or {
                "code": "launch_cancelled",
                "message": f"{called(launch)} was cancelled.",
                "hint": "",
            }
            raise GpuContainersError(
                error["message"], error["hint"], code=error["code"], log=error.get("log", "")
            )
        await asyncio.sleep(LOOK)
        launch = await server.ask("GET", f"launches/{launch['id']}")


def progress_text(launch: Json) -> str:
    """Return how far a launch is, in a line for people."""
    if queue := launch["queue"]:
        return f"Waiting for GPUs, number {queue['position']} in line."
    if (pull := launch["pull"]) and pull["total"]:
        share = min(pull["current"] / pull["total"], 1.0)
        tenths = int(share * 10) * 10  # a line for each, not for each byte
        return f"Fetching the image: {tenths} % of {format_bytes(pull['total'])}."
    return f"{called(launch)}: {launch['phase']}."


def _started(launch: Json) -> str:
    lines = [f"launch  {launch['id']}"]
    if launch["kernel_id"]:
        lines.append(f"kernel  {launch['kernel_id']}")
    end = "stop" if launch["phase"] == "running" else "cancel"
    which = launch["kernel_id"] if end == "stop" else launch["id"]
    return "\n".join([*lines, f"To end it: jupyter gpu-containers {end} {which}"])


async def start_on_cpu(services: Services, arguments: Any) -> Outcome:
    """``start-on-cpu``: a launch that waits for GPUs starts now, without any."""
    server, launch = await _chosen(arguments)
    after = await server.ask("PATCH", f"launches/{launch['id']}", {"gpus": 0})
    return Outcome({**after, "server": server.url}, lambda style: f"{called(after)} starts now.")


async def keep_alive(services: Services, arguments: Any) -> Outcome:
    """``keep-alive``: the time that a kernel may be idle begins anew."""
    server, launch = await _chosen(arguments)
    after = await server.ask("POST", f"launches/{launch['id']}/keep-alive")
    return Outcome({**after, "server": server.url}, lambda style: f"{called(after)} is kept.")


async def _chosen(arguments: Any) -> tuple[Server, Json]:
    found = await found_launches(await servers_of(arguments))
    alive = [one for one in found if one[1]["phase"] not in FINAL]  # a path may have several
    return one_of(alive or found, arguments.launch, keys=NAMES, what="launch")
