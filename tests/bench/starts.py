"""Cold start: from asking for a kernel to its first answer, through jupyter_client alone."""

from __future__ import annotations

import subprocess
from functools import partial
from time import perf_counter

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config

from jupyter_gpu_containers.config import build_services, share_services
from jupyter_gpu_containers.service.services import Services

from .place import NATIVE, Place
from .proxy import CountingProxy
from .rounds import Case, Gate, Sample, Samples, interleave

TIMEOUT = 60.0  # seconds
NETWORKS = ("none", "bridge")


async def environment_of(services: Services, image: str) -> str:
    """Find or make the environment of an image; return its kernelspec's name."""
    found = await services.images.get(image)
    return services.environments.add(found, gpus=0, reference=image).name


async def measure(place: Place, images: dict[str, str], rounds: int, gate: Gate) -> Samples:
    """Compare the native kernel with containers of the images, with and without a network."""
    services = {network: _services(place, network) for network in NETWORKS}
    try:
        cases: dict[str, Case] = {"native": partial(_cold_start, NATIVE, services["none"])}
        for title, image in images.items():
            for network, graph in services.items():
                name = await environment_of(graph, image)
                cases[f"container, {title}, network {network}"] = partial(_cold_start, name, graph)
        return await interleave(cases, rounds, gate)
    finally:
        share_services(None)
        for graph in services.values():
            graph.close()


async def environments(place: Place, images: dict[str, str]) -> dict[str, str]:
    """Return the environments of images, by the images' titles."""
    services = _services(place, "none")
    try:
        return {title: await environment_of(services, name) for title, name in images.items()}
    finally:
        services.close()


async def engine_requests(place: Place, image: str, upstream: str) -> list[str]:
    """Return the requests that one start and one shutdown make of the engine, in their order."""
    with CountingProxy(upstream, place.folder / "proxy.sock") as proxy:
        services = _services(place, "none", engine_url=proxy.url)
        try:
            name = await environment_of(services, image)
            await _cold_start(name, services)  # the first one in a process also asks what it is
            proxy.requests.clear()
            await _cold_start(name, services)
            return list(proxy.requests)
        finally:
            share_services(None)
            services.close()


def _services(place: Place, network: str, *, engine_url: str = "") -> Services:
    config = Config({"GpuContainers": {"network": network, "engine_url": engine_url}})
    return build_services(config, workspace=str(place.workspace))


async def _cold_start(name: str, services: Services) -> Sample:
    share_services(services)
    began = perf_counter()
    manager = AsyncKernelManager(kernel_name=name)
    await manager.start_kernel(
        cwd=services.kernels.seats.workspace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    started = perf_counter() - began
    try:
        answered = await _first_answer(manager.client()) - began
    finally:
        before = perf_counter()
        await manager.shutdown_kernel(now=True)
    stopped = perf_counter() - before
    return {"answer": answered, "start_kernel": started, "shutdown": stopped}


async def _first_answer(client: AsyncKernelClient) -> float:
    """Return when ``1+1`` was answered. (`wait_for_ready` would wait 0.2 s longer by itself.)"""
    client.start_channels(stdin=False, hb=False, control=False)
    try:
        client.kernel_info()
        wanted = client.execute("1+1", store_history=False)
        while True:
            message = await client.get_shell_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") == wanted:
                assert message["content"]["status"] == "ok", message["content"]
                return perf_counter()
    finally:
        client.stop_channels()
