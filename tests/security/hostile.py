"""Images that try to get more than a kernel's container is given; each by one trick."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import dataclass

from tests.engines import PrivateEngine

CANARY = "jgc-canary-4711"


@dataclass(frozen=True)
class Trick:
    """What the image says, and whether a container of it starts at all."""

    dockerfile: str
    refused: str = ""  # what the refusal names; "" = it starts, and the trick has no effect


TRICKS = {
    "all GPUs": Trick("ENV NVIDIA_VISIBLE_DEVICES=all"),
    "legacy image": Trick("ENV CUDA_VERSION=11.0.3"),
    "gates": Trick(
        "ENV NVIDIA_GDS=enabled NVIDIA_MOFED=enabled NVIDIA_NVSWITCH=enabled "
        "NVIDIA_GDRCOPY=enabled NVIDIA_DRIVER_CAPABILITIES=all"
    ),
    "IMEX and MIG": Trick(
        "ENV NVIDIA_IMEX_CHANNELS=0,1 NVIDIA_MIG_CONFIG_DEVICES=all "
        "NVIDIA_MIG_MONITOR_DEVICES=all NVIDIA_VISIBLE_DEVICES=none"
    ),
    "preloading": Trick(
        f"ENV LD_PRELOAD=/{CANARY}.so LD_AUDIT=/{CANARY}.so NVIDIA_VISIBLE_DEVICES=0,1"
    ),
    "WORKDIR": Trick("WORKDIR /proc/self/fd/8"),
    "ENTRYPOINT": Trick(f'ENTRYPOINT ["/bin/echo", "{CANARY}"]\nCMD ["{CANARY}"]'),
    "USER": Trick("USER root"),
    "HEALTHCHECK": Trick("HEALTHCHECK --interval=1s --retries=1 CMD touch /tmp/health"),
    "VOLUME": Trick('VOLUME ["/data", "/var/lib/more"]'),
    "VOLUME in a mount": Trick('VOLUME ["/opt/inside"]', "a volume of the image at /opt/inside"),
    "STOPSIGNAL": Trick("STOPSIGNAL SIGKILL\nEXPOSE 22"),
    "our labels": Trick(
        "LABEL jupyter-gpu-containers.gpus=GPU-x jupyter-gpu-containers.slots=9 "
        "jupyter-gpu-containers.signature=00"
    ),
    "a label of tomorrow": Trick(
        "LABEL jupyter-gpu-containers.tomorrow=1",
        "jupyter-gpu-containers.tomorrow, which is not the image's to set",
    ),
}

# Runs inside; prints what the trick came to.
LOOK = """
import glob, json, os, re
def opens(node):
    try:
        os.close(os.open(node, os.O_RDWR))
        return True
    except OSError:
        return False
status = open("/proc/self/status").read()
print(json.dumps({
    "gpus": sorted(filter(opens, glob.glob("/dev/nvidia[0-9]*"))),
    "more": sorted(glob.glob("/dev/nvidia-caps-imex-channels/*") + glob.glob("/dev/infiniband/*")),
    "uid": os.getuid(), "cwd": os.getcwd(),
    "capabilities": re.search("CapEff:\\\\s*(\\\\w+)", status)[1],
    "no_new_privileges": re.search("NoNewPrivs:\\\\s*(\\\\d)", status)[1],
    "env": {k: v for k, v in os.environ.items() if k.startswith(("NVIDIA_", "LD_"))},
    "core": open("/proc/self/limits").read().split("core file size")[1].split()[:2],
    "setuid": [p for p in ("/proc/1/root/etc/shadow",) if os.access(p, os.R_OK)],
}))
"""


def build(engine: PrivateEngine, base: str) -> dict[str, str]:
    """Build all of them on an engine; return their ids by trick."""
    ids = {}
    with closing(engine.client()) as client:
        for name, trick in TRICKS.items():
            recipe = io.BytesIO(f"FROM {base}\n{trick.dockerfile}\n".encode())
            lines = client.api.build(fileobj=recipe, rm=True, decode=True)
            said = [line for line in lines if "aux" in line or "error" in line]
            ids[name] = next(
                (line["aux"]["ID"] for line in said if "aux" in line), json.dumps(said)
            )
    return ids


def volumes(engine: PrivateEngine) -> int:
    """Count the engine's volumes."""
    with closing(engine.client()) as client:
        return len(client.volumes.list())
