"""A team's repository in a registry that wants a login: what is in it, and what it is asked."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import docker
import pip
import requests

from tests.conftest import IMAGES
from tests.registries.content import Content, image, index, noise
from tests.registries.faults import FaultProxy
from tests.registries.real import PASSWORD, USERNAME, RealRegistry

PATIENCE = 30.0  # seconds
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

# Of Debian's packages, what neither Python nor pip needs: the image is pushed and pulled sooner.
_NOT_NEEDED = (
    "/usr/lib/python3/dist-packages/numpy*",
    "/usr/lib/python3.11/dist-packages/numpy*",
    "/usr/lib/x86_64-linux-gnu/perl*",
    "/usr/lib/x86_64-linux-gnu/lapack",
    "/usr/share/doc",
    "/usr/share/locale",
    "/usr/share/matplotlib",
    "/usr/share/perl*",
    "/usr/share/tcltk",
    "/usr/share/zoneinfo",
)


class CountingProxy(FaultProxy):
    """Knows which requests it is still answering."""

    def __init__(self, upstream: str) -> None:
        self._open = 0
        self._changed = threading.Condition()
        super().__init__(upstream)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Count while passing on."""
        self._count(1)
        try:
            super().handle(request)
        finally:
            self._count(-1)

    def wait_until_idle(self) -> None:
        """Wait until whoever asked has the answer, or has gone."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._open == 0, PATIENCE)

    def _count(self, by: int) -> None:
        with self._changed:
            self._open += by
            self._changed.notify_all()


@dataclass(frozen=True)
class Team:
    """A repository; `proxy` stands in front of its registry, and is what users know."""

    registry: RealRegistry
    proxy: CountingProxy
    name: str

    @property
    def host(self) -> str:
        """The registry, as users type it."""
        return self.proxy.host

    @property
    def repository(self) -> str:
        """Likewise the repository."""
        return f"{self.host}/{self.name}"

    def tag(self, tag: str) -> str:
        """Likewise one of its tags."""
        return f"{self.repository}:{tag}"

    def manifest(self, tag: str) -> dict[str, Any]:
        """Return what the registry itself says of an image that an engine pushed."""
        answer = requests.get(
            f"{self.registry.url}/v2/{self.name}/manifests/{tag}",
            headers={"Accept": MANIFEST},
            auth=(USERNAME, PASSWORD),
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def layers(self, tag: str) -> dict[str, int]:
        """Return digests and compressed sizes of the layers of such an image."""
        return {layer["digest"]: layer["size"] for layer in self.manifest(tag)["layers"]}


def gpu_image(cuda: str) -> Content:
    """Return an image of NVIDIA's kind, for GPUs from the A100 on; nothing in it can run."""
    env = {
        "CUDA_VERSION": f"{cuda}.0",
        "NVIDIA_REQUIRE_CUDA": f"cuda>={cuda}",
        "NVIDIA_VISIBLE_DEVICES": "all",
        "TORCH_CUDA_ARCH_LIST": "8.0 9.0+PTX",
    }
    return image(env=env, layers=[noise(3_000_000, seed) for seed in range(2)])


def arm_image() -> Content:
    """Return an image for another processor."""
    return index(image("arm64", variant="v8"))


def make_image(client: docker.DockerClient) -> str:
    """Make an image with Python and pip, of no layer that another image has; return its id."""
    tools = io.BytesIO()
    with tarfile.open(fileobj=tools, mode="w") as tar:
        tar.add(Path(pip.__file__).parent, "pip", filter=_without_cache)
    clean = ["sh", "-c", f"rm -r {' '.join(_NOT_NEEDED)}"]
    container = client.containers.create(IMAGES.plain, clean, network_mode="none")
    try:
        # Debian's Python has none
        assert container.put_archive("/usr/lib/python3/dist-packages", tools.getvalue())
        container.start()
        assert container.wait()["StatusCode"] == 0
        said = client.api.import_image_from_stream(container.export(), changes=["CMD python3"])
    finally:
        container.remove(force=True)
    return str(json.loads(said)["status"])


def _without_cache(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what Python makes anew."""
    return None if "__pycache__" in member.name else member
