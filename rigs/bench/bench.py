"""What the parts of a run share: place, engine, contenders, and how often to measure."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from time import monotonic

import docker
from traitlets.config import Config

from jupyter_gpu_containers.config import build_services
from jupyter_gpu_containers.model.kernel.labels import VERSION as OUR_LABEL

from . import contenders as c
from . import place as places
from .contenders import Contender
from .peers import Peers
from .place import Place
from .rounds import Gate

# Seconds without a change of our containers after which no more spare ones are expected: with as
# many as are wanted, for their interpreters; and with fewer, for which there may be reasons.
SHORT_REST, REST = 0.7, 2.5
PATIENCE = 40.0  # seconds to wait for that


@dataclass
class Bench:
    """One run.

    Parameters
    ----------
    upstream : str
        Path of the engine's socket.
    image : str
        What our kernels run on.
    carried : str or None
        An image without a kernel, otherwise the same.
    framework : str or None
        Reference of a real image, with PyTorch.
    """

    place: Place
    client: docker.DockerClient
    upstream: str
    rounds: int
    gate: Gate
    image: str
    carried: str | None
    framework: str | None
    peers: Peers | None = None

    async def kernel(self, image: str, *, gpus: int = 0) -> str:
        """Find or make the environment of an image; return its kernelspec's name."""
        services = build_services(Config(), workspace=str(self.place.workspace))
        try:
            found = await services.images.get(image)
            return services.environments.add(found, gpus=gpus, reference=image).name
        finally:
            services.close()

    async def contenders(self, *, carried: bool = False, spares: int = 1) -> list[Contender]:
        """Return who is compared: ourselves in several settings between the others."""
        name = await self.kernel(self.image)
        found = [
            c.native(),
            c.ours(c.COLD, name, self.image),
            c.ours(c.COLD_BRIDGE, name, self.image, network="bridge"),
        ]
        if carried and self.carried:
            bare = await self.kernel(self.carried)
            found.append(c.ours(c.CARRIED, bare, self.carried))
        if c.has_spares():
            found.append(c.ours(c.WARM, name, self.image, spares=spares))
        return found + await self.others()

    async def others(self) -> list[Contender]:
        """Return the other products; made ready when they are asked for first."""
        if self.peers is None:
            return []
        return await asyncio.to_thread(self.peers.contenders)

    async def after(self, contender: Contender) -> None:
        """Bring the engine to rest after a sample: remove leftovers, await spare containers."""
        if contender.peer and self.peers is not None:
            await asyncio.to_thread(self.peers.sweep, contender)
        await self.refilled(contender)

    async def refilled(self, contender: Contender, *, running: int = 0) -> None:
        """Await the spare containers of a contender that has them, beside its running kernels."""
        if not contender.spares:
            return
        wanted = contender.spares + running
        began = changed = monotonic()
        before = await asyncio.to_thread(self._running)
        while monotonic() - began < PATIENCE:
            rest = SHORT_REST if len(before) >= wanted else REST
            if monotonic() - changed > rest:
                break
            await asyncio.sleep(0.1)
            after = await asyncio.to_thread(self._running)
            if after != before:
                before, changed = after, monotonic()

    def _running(self) -> set[str]:
        found = self.client.api.containers(filters={"label": OUR_LABEL})
        return {container["Id"] for container in found}


def open_bench(
    place: Place, address: str, rounds: int, gate: Gate, *, framework: str | None, peers: bool
) -> Bench:
    """Make the images that everybody runs on."""
    client = docker.DockerClient(base_url=address, timeout=300)
    image = places.same_ipykernel_image(client) or places.base_image()
    bench = Bench(
        place=place,
        client=client,
        upstream=address.removeprefix("unix://"),
        rounds=rounds,
        gate=gate,
        image=image,
        carried=places.carried_image(),
        framework=framework,
    )
    if peers:
        bench.peers = Peers(place, client, image, str(os.getpid()))
    return bench


def close_bench(bench: Bench) -> None:
    """Remove what the run made on the engine."""
    try:
        if bench.peers is not None:
            bench.peers.close()
        places.remove_images(bench.client, [places.SAME])
    finally:
        bench.client.close()
