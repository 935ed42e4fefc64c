"""Who is compared: the native kernel, our containers in several settings, two other products."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_gpu_containers.settings import GpuContainers

from .place import NATIVE as NATIVE_KERNEL
from .place import Place

NATIVE = "native"
COLD = "container, no network"
COLD_BRIDGE = "container, internet access"
CARRIED = "container, kernel carried in"
WARM = "container, warm"

# the settings that keep containers ready; a version without the first has none
SPARES, MOST_SPARES, MODULES = "spare_kernels", "max_spare_kernels", "spare_modules"


@dataclass(frozen=True)
class Contender:
    """One way to start a kernel.

    Parameters
    ----------
    title : str
        As the tables name it.
    kernel : str
        The kernelspec's name.
    python : str
        Interpreter of the environment that has what starts it.
    settings : dict or None
        The section ``GpuContainers`` of its configuration; None: without our extension.
    env : mapping
        More variables of the process that starts it.
    image : str
        Its containers' image, by which what they leave behind is found; "": no containers.
    spares : int
        How many containers are kept ready for it, and are made again after each sample.
    peer : bool
        Somebody else's product: what fails is its own affair, and said in the table.
    polite : bool
        Its kernels are asked to end; it has no other way.
    fresh : bool
        Each sample has a process of its own, since a second start in one fails.
    """

    title: str
    kernel: str
    python: str = sys.executable
    settings: dict[str, Any] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    spares: int = 0
    peer: bool = False
    polite: bool = False
    fresh: bool = False

    def environment(self, place: Place) -> dict[str, str]:
        """Return the variables of a process of this contender, with a configuration of its own."""
        config = place.folder / f"config-{uuid.uuid4().hex[:8]}"
        config.mkdir()
        section = {"GpuContainers": self.settings or {}}
        (config / "jupyter_gpu_containers_config.json").write_text(json.dumps(section))
        tools = str(Path(self.python).parent)
        return {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "JUPYTER_CONFIG_DIR": str(config),
            **self.env,
        }


def native(kernel: str = NATIVE_KERNEL) -> Contender:
    """The ipykernel of the environment that Jupyter itself lies in."""
    return Contender(NATIVE, kernel)


def has_spares() -> bool:
    """Whether this version can keep containers ready."""
    return SPARES in GpuContainers.class_trait_names()


def ours(
    title: str,
    kernel: str,
    image: str,
    *,
    network: str = "none",
    spares: int = 0,
    modules: Sequence[str] = (),
) -> Contender:
    """Containers of ours; with spares, and modules that those import, the settings of that name."""
    settings: dict[str, Any] = {"network": network}
    there = GpuContainers.class_trait_names()
    settings |= {name: spares for name in (SPARES, MOST_SPARES) if name in there}
    if modules and MODULES in there:
        settings[MODULES] = {image: list(modules)}
    return Contender(title, kernel, settings=settings, image=image, spares=spares)
