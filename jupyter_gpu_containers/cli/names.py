"""``complete KIND [BEGIN]``: names that exist, for a shell that completes a word.

It is quick, says nothing else, and never takes long: what an engine or a server has not told by
then is not offered. The scripts of `completion` call it; it is no command for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_gpu_containers.errors import GpuContainersError

if TYPE_CHECKING:
    from jupyter_gpu_containers.service.services import Services

LONGEST = 3.0  # seconds
Names = Iterable[tuple[str, str]]  # each with what it is, for people
Kind = Callable[[str], Coroutine[Any, Any, Names]]  # of what was typed so far


def complete(words: Sequence[str]) -> int:
    """Print the names of a kind, a line each: the name, a tab, what it is.

    Parameters
    ----------
    words : sequence of str
        The kind, and what was typed of the name so far.

    Returns
    -------
    int
        0: told; 1: cannot be told, or not in time; 2: there is no such kind.
    """
    if not words or words[0] not in KINDS:
        return 2
    begin = words[1] if len(words) > 1 else ""
    end = threading.Timer(LONGEST, os._exit, (1,))  # also where a driver or an engine is silent
    end.daemon = True
    end.start()
    logging.disable(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            found = asyncio.run(KINDS[words[0]](begin))
        lines = [f"{name}\t{about}" for name, about in found if name.startswith(begin)]
    except (GpuContainersError, OSError):
        return 1
    finally:
        end.cancel()
        logging.disable(logging.NOTSET)
    for line in dict.fromkeys(lines):
        if line.replace("\t", "", 1).isprintable():
            print(line)
    sys.stdout.flush()
    return 0


async def _environments(begin: str) -> Names:
    """Of their files alone: no engine is asked, and little is loaded."""
    from jupyter_client.kernelspec import KernelSpecManager

    from jupyter_gpu_containers.errors import InvalidRequestError
    from jupyter_gpu_containers.model.kernel.environment import Environment

    found = []
    for name, each in KernelSpecManager().get_all_specs().items():
        with contextlib.suppress(InvalidRequestError):  # a damaged one cannot be started either
            if environment := Environment.from_kernelspec(name, each["spec"]):
                found.append((name, environment.display_name))
    return sorted(found)


def _of_services(
    tell: Callable[[Services, str], Coroutine[Any, Any, Names]],
) -> Kind:
    async def told(begin: str) -> Names:
        from jupyter_gpu_containers.config import load_services

        services = await asyncio.to_thread(load_services)
        try:
            return await tell(services, begin)
        finally:
            services.close()

    return told


async def _images(services: Services, begin: str) -> Names:
    found = await services.backend.images()
    return sorted((name, "") for image in found for name in image.references)


async def _catalogue(services: Services, begin: str) -> Names:
    entries = [row.entry for row in await services.inspection.catalogue()]
    return [(tag, entry.title) for entry in entries for tag in (entry.reference, *entry.tags)]


async def _kernels(services: Services, begin: str, *, running: bool = True) -> Names:
    """Ids of the user's containers, and their notebooks where these mean one alone."""
    from jupyter_gpu_containers.model.kernel import labels
    from jupyter_gpu_containers.model.kernel.container import ContainerStatus

    user = services.kernels.seats.caller.name
    mine = [
        container
        for container in await services.backend.containers(labels.VERSION)
        if container.labels.get(labels.USER) == user
        and (container.status is ContainerStatus.RUNNING or not running)
        and (container.labels.get(labels.PURPOSE) == "kernel" or not running)
    ]
    notebooks = [container.labels.get(labels.NOTEBOOK, "") for container in mine]
    found = []
    for container, notebook in zip(mine, notebooks, strict=True):
        title = container.labels.get(labels.DISPLAY_NAME, "")
        if notebook and notebooks.count(notebook) == 1:
            found.append((notebook, title))
        found.append((container.id[:12], " · ".join(filter(None, (title, notebook)))))
    return sorted(found)


async def _stoppable(services: Services, begin: str) -> Names:
    """Also what does not run, and who waits for GPUs."""
    from .waiting import waiting_rows

    waiting = [(row.id[:8], f"{row.called} waits") for row in waiting_rows()]
    return [*await _kernels(services, begin, running=False), *waiting]


async def _gpus(services: Services, begin: str) -> Names:
    """Indexes; of a GPU that is several devices their UUIDs."""
    gpus = (await services.inventory.snapshot()).gpus
    indexes = [gpu.index for gpu in gpus]
    return [
        (str(gpu.index) if indexes.count(gpu.index) == 1 else gpu.uuid, gpu.mig_profile or gpu.name)
        for gpu in gpus
    ]


async def _gpus_or_count(services: Services, begin: str) -> Names:
    """What ``--gpus`` takes; behind a comma the GPUs that are not in the list yet."""
    from jupyter_gpu_containers.model.gpu.names import DEVICE

    devices = list(await _gpus(services, ""))
    before = begin[: begin.rfind(",") + 1] if begin.startswith(DEVICE) else ""
    before = before or DEVICE
    listed = before.removeprefix(DEVICE).split(",")
    named = [(before + name, about) for name, about in devices if name not in listed]
    return [*((str(count), "") for count in range(len(devices) + 1)), *named]


async def _profiles(services: Services, begin: str) -> Names:
    gpus = (await services.inventory.snapshot()).gpus
    return sorted({(gpu.mig_profile, gpu.name) for gpu in gpus if gpu.mig_profile})


async def _mounts(services: Services, begin: str) -> Names:
    return sorted((name, mount.target) for name, mount in services.policy.data_mounts.items())


async def _registries(services: Services, begin: str) -> Names:
    return sorted((await services.logins.hosts()).items())


async def _servers(begin: str) -> Names:
    from .rest import running_servers

    return [(server.url, f"process {server.pid}") for server in running_servers()]


async def _launched(*phases: str, paths: bool = True) -> Names:
    """Ids of the launches in these phases, by default in all, and their notebooks."""
    from .launches import called, found_launches
    from .rest import running_servers

    launches = [launch for _, launch in await found_launches(running_servers())]
    chosen = [one for one in launches if not phases or one["phase"] in phases]
    notebooks = [one["path"] for one in chosen if paths]
    found = []
    for one in chosen:
        about = f"{called(one)}: {one['phase']}"
        if one["path"] and notebooks.count(one["path"]) == 1:
            found.append((one["path"], about))
        found.append((one["id"][:8], about))
    return found


def _launches(*phases: str) -> Kind:
    return lambda begin: _launched(*phases)


async def _jobs(begin: str, *, going_on: bool = False) -> Names:
    from .jobs import ENDED, found_jobs
    from .rest import running_servers

    jobs = [job for _, job in await found_jobs(running_servers())]
    return [
        (job["id"][:8], f"{job['kind']} {job['reference']}: {job['state']}")
        for job in jobs
        if not going_on or job["state"] not in ENDED
    ]


async def _cancellable(begin: str) -> Names:
    """Jobs that go on, and launches that do not run yet, by their ids alone."""
    beginning = _launched("queued", "pulling", "waiting", "creating", "starting", paths=False)
    jobs, launches = await asyncio.gather(_jobs(begin, going_on=True), beginning)
    return [*jobs, *launches]


KINDS: dict[str, Kind] = {
    "environments": _environments,
    "images": _of_services(_images),
    "catalogue": _of_services(_catalogue),
    "kernels": _of_services(_kernels),
    "stoppable": _of_services(_stoppable),
    "gpus": _of_services(_gpus),
    "gpus_or_count": _of_services(_gpus_or_count),
    "profiles": _of_services(_profiles),
    "mounts": _of_services(_mounts),
    "registries": _of_services(_registries),
    "servers": _servers,
    "launches": _launches(),
    "waiting": _launches("waiting"),
    "running": _launches("running"),
    "jobs": _jobs,
    "cancellable": _cancellable,
}
