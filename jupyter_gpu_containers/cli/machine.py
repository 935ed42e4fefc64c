"""``status``, ``limits`` and ``registries``: what there is here for everybody's kernels."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.size import format_memory
from jupyter_gpu_containers.service.doctor.checks import check_server
from jupyter_gpu_containers.service.doctor.facts import read_machine
from jupyter_gpu_containers.service.doctor.findings import Level
from jupyter_gpu_containers.service.services import Services
from jupyter_gpu_containers.service.status import status as engine_status
from jupyter_gpu_containers.web.serializers import limits_model, status_model

from .outcome import FAILED, Outcome
from .rest import Server, running_servers
from .tables import Style, table

Json = dict[str, Any]


async def status(services: Services, arguments: Any) -> Outcome:
    """``status``: schema ``Status`` of the contract, and the servers of this user.

    1 where the engine does not answer.
    """
    engine, servers, facts = await asyncio.gather(
        engine_status(services.backend), _servers(), read_machine(services)
    )
    found = [one for one in check_server(facts) if one.level is Level.PROBLEM]
    model = status_model(engine, (), found)
    counts = [one["spares"] for one in servers if one["spares"] is not None]
    memory = [one["memory"] for one in counts if one["memory"] is not None]
    model["spares"] = {
        "count": sum(one["count"] for one in counts),
        "memory": sum(memory) if memory else None,
        "gpus": sum(one.get("gpus", 0) for one in counts),  # a server may be of an older version
    }
    model["servers"] = servers
    return Outcome(
        model, lambda style: _status_text(model, style), FAILED if model["problem"] else 0
    )


async def _servers() -> list[Json]:
    """Return what each running server says of itself."""
    try:
        found = await asyncio.to_thread(running_servers)
    except GpuContainersError:  # none runs
        return []
    return list(await asyncio.gather(*map(_server, found)))


async def _server(server: Server) -> Json:
    model: Json = {"url": server.url, "pid": server.pid, "version": None, "spares": None}
    try:
        said = await server.ask("GET", "status")
    except GpuContainersError as exc:
        return {**model, "problem": exc.as_dict()}
    problem = said["problem"]
    return {**model, "version": said["version"], "spares": said["spares"], "problem": problem}


def _status_text(model: Json, style: Style) -> str:
    engine, problem = model["engine"], model["problem"]
    facts = [("version", model["version"])]
    if engine:
        about = f"{engine['name']} {engine['version']}, API {engine['api_version']}"
        facts.append(("engine", about + ", demonstration" * model["demo"]))
    if problem:
        facts.append(("engine", style.paint(problem["message"], "bad")))
        facts.append(("", problem["hint"]))
    for finding in model["findings"]:
        if not problem:
            facts.append(("problem", style.paint(finding["message"], "bad")))
            facts.append(("", f"fix: {finding['fix']}"))
    if model["spares"]["count"]:
        facts.append(("spares", str(model["spares"]["count"])))
    for server in model["servers"]:
        wrong = server["problem"]
        facts.append(("server", f"{server['url']}{': ' + wrong['message'] if wrong else ''}"))
    if not model["servers"]:
        facts.append(("server", "none of yours runs here"))
    return "\n".join(f"{name:<9}{value}" for name, value in facts)


async def limits(services: Services, arguments: Any) -> Outcome:
    """``limits``: schema ``Limits`` of the contract."""
    model = limits_model(services.policy, services.gate)

    def text(style: Style) -> str:
        most = model["gpus"]["max"]
        rows = [
            ("memory", *_limit(model["memory"])),
            ("/dev/shm", *_limit(model["shm_size"])),
            ("GPUs", "0", "no limit" if most is None else str(most)),
        ]
        parts = [table(("OF A KERNEL", "DEFAULT", "AT MOST"), rows, style)]
        if model["mounts"]:
            mounts = [
                (one["name"], one["path"], "read only" if one["read_only"] else "writable")
                for one in model["mounts"]
            ]
            parts.append(table(("DATA MOUNT", "IN THE CONTAINER", "ACCESS"), mounts, style))
        ram = _memory(model["ram"], "not known")
        parts.append(f"Networks: {', '.join(model['networks'])}\nRAM of this machine: {ram}")
        return "\n\n".join(parts)

    return Outcome(model, text)


def _limit(limit: Json) -> tuple[str, str]:
    default, most = limit["default"], limit["max"]
    return _memory(default, "no limit"), _memory(most, "no limit")


def _memory(size: int | None, nothing: str) -> str:
    return nothing if size is None else format_memory(size)


async def registries(services: Services, arguments: Any) -> Outcome:
    """``registries``: schema ``RegistryLogin`` of the contract; no secret is read."""
    hosts = await services.logins.hosts()
    found = [{"host": host, "username": name} for host, name in sorted(hosts.items())]

    def text(style: Style) -> str:
        if not found:
            return "There is no login to a registry. Make one: jupyter gpu-containers login HOST"
        return table(("REGISTRY", "USER"), [(one["host"], one["username"]) for one in found], style)

    return Outcome({"registries": found}, text)
