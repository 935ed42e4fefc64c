"""GPUs that a server found to have failed, as the command line shows them."""

from __future__ import annotations

import time
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.gpu.health import GpuEvent, GpuEventKind
from jupyter_gpu_containers.service.gpu.health import GpuHealth, boot_id
from jupyter_gpu_containers.service.kernel.owner import Owner

from .conftest import Terminal

FAILED = "GPU 1 failed (Xid 79: the GPU has fallen off the bus) and is not given out."
FIX = "Stop all programs on it and run `sudo nvidia-smi --gpu-reset -i 1`, or reboot."


def fail(uuid: str) -> None:
    """Be the server that is told of it."""
    file = Path(jupyter_data_dir(), "gpu_containers", "gpu_faults.json")
    health = GpuHealth(FixedInventory([]), file=file, boot=boot_id())
    health.take(GpuEvent(GpuEventKind.XID, uuid, time.monotonic(), 79))


def test_free(terminal: Terminal) -> None:
    _, second = terminal.uuids()
    fail(second)
    ran = terminal("gpus")
    assert ran.out.splitlines()[2].split("  ")[-1].strip() == FAILED
    gpu = terminal("gpus", "--json").json["gpus"][1]
    assert (gpu["state"], gpu["problem"]["code"]) == ("unavailable", "gpu_failed")


def test_held(terminal: Terminal) -> None:
    _, second = terminal.uuids()
    terminal.container(owner=str(Owner.current()), gpus=[second])
    fail(second)
    assert f"{FAILED} {FIX}" in terminal("gpus").out.splitlines()
    assert "1 (failed)" in terminal("ps").out


def test_doctor(terminal: Terminal) -> None:
    _, second = terminal.uuids()
    fail(second)
    checks = {check["name"]: check for check in terminal("doctor", "--json").json["checks"]}
    assert checks["nvml"]["level"] == "problem"
    assert (checks["nvml"]["message"], checks["nvml"]["advice"]) == (FAILED, FIX)
    assert checks["nvml"]["fix"] == "sudo nvidia-smi --gpu-reset -i 1"
