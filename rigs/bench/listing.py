"""Listing 200 images: how many requests of the engine, and how long beside one plain request."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import socket
import tarfile
from dataclasses import dataclass
from time import perf_counter

import docker
from traitlets.config import Config

from jupyter_gpu_containers.config import build_services
from jupyter_gpu_containers.service.services import Services

from .place import Place, remove_images
from .proxy import CountingProxy
from .rounds import Case, Gate, Sample, Samples, interleave

COUNT = 200
REPOSITORY = f"jgc-bench/tiny-{os.getpid()}"


@dataclass
class Listing:
    """What was found."""

    images: int  # on the engine
    first: list[str]  # requests of the first listing of a process
    next: list[str]  # of every other one
    samples: Samples


async def measure(
    place: Place, client: docker.DockerClient, upstream: str, rounds: int, gate: Gate
) -> Listing:
    """Make images, list them, and remove them again."""
    names = [f"{REPOSITORY}:{number}" for number in range(COUNT)]
    try:
        for name in names:
            _make(client, name)
        return await _measure(place, client, upstream, rounds, gate)
    finally:
        remove_images(client, names)


async def _measure(
    place: Place, client: docker.DockerClient, upstream: str, rounds: int, gate: Gate
) -> Listing:
    with CountingProxy(upstream, place.folder / "list.sock") as proxy:
        counted = _services(place, proxy.url)
        try:
            found = len(await counted.images.list())
            first = list(proxy.requests)
            proxy.requests.clear()
            await counted.images.list()
            after = list(proxy.requests)
        finally:
            counted.close()
    direct = _services(place, f"unix://{upstream}")

    async def ours() -> Sample:
        began = perf_counter()
        await direct.images.list()
        return {"list": perf_counter() - began}

    async def plain() -> Sample:
        return {"list": await asyncio.to_thread(_plain_request, upstream)}

    async def sdk() -> Sample:
        began = perf_counter()
        await asyncio.to_thread(client.images.list)
        return {"list": perf_counter() - began}

    cases: dict[str, Case] = {
        "one plain GET /images/json": plain,
        "Images.list()": ours,
        "docker-py's images.list() (inspects each image)": sdk,
    }
    try:
        samples = await interleave(cases, rounds, gate, settle=0.05)
    finally:
        direct.close()
    return Listing(found, first, after, samples)


def _services(place: Place, engine_url: str) -> Services:
    config = Config({"GpuContainers": {"engine_url": engine_url}})
    return build_services(config, workspace=str(place.workspace))


def _make(client: docker.DockerClient, name: str) -> None:
    """Import a root file system of one small file, which gives an image with an id of its own."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = len(name)
        tar.addfile(entry, io.BytesIO(name.encode()))
    repository, tag = name.rsplit(":", 1)
    client.api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)


def _plain_request(path: str) -> float:
    """Time ``GET /images/json`` and the reading of its JSON, with a connection made before."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
        began = perf_counter()
        connection.request("GET", "/images/json")
        json.load(connection.getresponse())
        return perf_counter() - began
    finally:
        connection.close()
