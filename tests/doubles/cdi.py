"""A CDI specification of fake GPUs, named as ``nvidia-ctk cdi generate`` names them.

CNCF Container Device Interface 0.5. The nodes on the host are 1:3 (``/dev/null``) under NVIDIA's
names, so that they open everywhere; making them needs root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

from tests.doubles.nvml import FakeDriver, read_machine

NVIDIA_SMI = Path(__file__).resolve().parent / "hook" / "nvidia-smi"
LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"  # of Debian, as our test images are
NULL = os.makedev(1, 3)


def write_cdi(folder: Path, driver: FakeDriver) -> Path:
    """Write a specification of the driver's GPUs, and all it refers to, into ``folder``.

    Returns the folder of the specification, for the engine's ``cdi-spec-dirs``.
    """
    assert driver.library, "CDI is generated from a driver"
    machine = read_machine(driver.machine)
    devices: list[dict[str, Any]] = []
    for number, gpu in enumerate(s for s in machine.sections() if s.startswith("gpu")):
        minor = machine.getint(gpu, "minor")
        node = _node(folder, f"/dev/nvidia{minor}")
        if machine.get(gpu, "mig", fallback="0") != "1":
            devices += _named([node], str(number), machine[gpu]["uuid"])
            continue
        for slot, value in machine[gpu].items():
            if re.fullmatch(r"mig\d+", slot):
                uuid, gi, ci = [part.strip() for part in value.split(",")][:3]
                cap = minor * 135 + 3 + int(gi) * 9
                caps = [
                    _node(folder, f"/dev/nvidia-caps/nvidia-cap{n}")
                    for n in (cap, cap + 1 + int(ci))
                ]
                devices += _named([node, *caps], f"{number}:{slot[3:]}", uuid)
    machine["system"]["only_present_nodes"] = "1"
    with (folder / "machine.ini").open("w") as file:
        machine.write(file)
    spec = {
        "cdiVersion": "0.5.0",
        "kind": "nvidia.com/gpu",
        "devices": devices,
        "containerEdits": {
            "deviceNodes": [_node(folder, "/dev/nvidiactl"), _node(folder, "/dev/nvidia-uvm")],
            "mounts": [
                _mount(Path(shutil.copy(driver.library, folder)), LIBRARY),
                _mount(folder / "machine.ini", "/etc/fake-nvml.ini"),
                _mount(Path(shutil.copy(NVIDIA_SMI, folder)), "/usr/bin/nvidia-smi"),
            ],
        },
    }
    specs = folder / "cdi"
    specs.mkdir(exist_ok=True)
    (specs / "nvidia.json").write_text(json.dumps(spec, indent=2))
    return specs


def _named(nodes: list[dict[str, str]], *names: str) -> list[dict[str, Any]]:
    return [{"name": name, "containerEdits": {"deviceNodes": nodes}} for name in names]


def _node(folder: Path, path: str) -> dict[str, str]:
    host = folder / path.lstrip("/")
    host.parent.mkdir(parents=True, exist_ok=True)
    if not host.exists():
        os.mknod(host, 0o666 | stat.S_IFCHR, NULL)
        host.chmod(0o666)
    return {"path": path, "hostPath": str(host), "type": "c", "permissions": "rw"}


def _mount(source: Path, target: str) -> dict[str, Any]:
    options = ["ro", "nosuid", "nodev", "bind"]
    return {"hostPath": str(source), "containerPath": target, "options": options}
