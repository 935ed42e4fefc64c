"""The machine loses its power and starts again: kernels are over and say so, who waited goes on."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_gpu_containers.service.kernel.owner import Owner
from tests.doubles.engine import HookEngine
from tests.faults.one_gpu import gpu, one_gpu_engine
from tests.rooms import ENGINE_IMAGE, Room
from tests.servers import Server

pytestmark = [pytest.mark.engine, pytest.mark.root]

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@pytest.fixture
def engine(engine_room: Room, engine_host: str, tmp_path: Path) -> Iterator[HookEngine]:
    """An engine of this test's own, on a machine with one GPU."""
    with one_gpu_engine(engine_room, engine_host, tmp_path) as engine:
        yield engine


def next_boot(folder: Path) -> Sequence[str]:
    """Return a command that shows a program another boot id, as Linux makes one at each start."""
    file = folder / "boot_id"
    file.write_text(f"{uuid.uuid4()}\n")
    script = f'mount --bind {file} {BOOT_ID}; exec "$@"'
    return ("unshare", "--mount", "sh", "-ec", script, "sh")


def states(engine: HookEngine) -> list[str]:
    with closing(engine.client()) as client:
        return [row["State"] for row in client.api.containers(all=True)]


def test_power_fails_and_comes_back(
    engine: HookEngine, engine_room: Room, servers: list[Server], tmp_path: Path
) -> None:
    room, boot = engine_room, Owner.current().boot
    servers.append(first := Server(room))
    with_gpu = first.ask(
        "POST", "/gpu-containers/environments", {"image": ENGINE_IMAGE, "gpus": 1}
    )["name"]
    without = first.ask("POST", "/gpu-containers/environments", {"image": ENGINE_IMAGE})["name"]
    on_gpu = first.session(with_gpu, "gpu.ipynb")["kernel"]["id"]
    on_cpu = first.session(without, "cpu.ipynb")["kernel"]["id"]
    for kernel_id in (on_gpu, on_cpu):
        first.reached(kernel_id, "running")
    assert first.connect(on_gpu).run("import os; print(os.path.exists('/dev/nvidia0'))") == "True"
    waits = first.launch(image=ENGINE_IMAGE, gpus=1, path="next.ipynb")
    assert first.reached(waits, "waiting")["queue"]["position"] == 1
    first.until(lambda: room.waiting() == [waits])

    first.kill()
    engine.power_off()
    assert room.processes() == []  # no kernel, no engine of theirs
    shutil.rmtree(room.run)  # /run is in memory
    engine.start()
    assert states(engine) == ["exited", "exited"]

    servers.append(second := Server(room, wrapper=next_boot(tmp_path)))
    for kernel_id, path in ((on_gpu, "gpu.ipynb"), (on_cpu, "cpu.ipynb")):
        launch = second.reached(kernel_id, "failed")
        assert launch["error"]["code"] == "host_rebooted"
        assert launch["error"]["message"] == "The kernel ended when the machine was restarted."
        assert "Start it again" in launch["error"]["hint"]
        assert launch["path"] == path
    # the claim is released, and who waited before the machine went down has the GPU now
    assert second.reached(waits, "running")["gpus"] == [gpu(second)["uuid"]]
    second.until(lambda: second.kernels() == [waits])
    assert gpu(second)["holder"]["mine"]
    assert second.connect(waits).run("print(6 * 7)") == "42"
    assert states(engine) == ["running"]
    with closing(engine.client()) as client:
        [container] = client.containers.list()
        assert not any(boot in value for value in container.labels.values())
    second.cancel(waits)
    assert gpu(second)["state"] == "free"
    assert second.terminate() == 0
    assert room.settled() == []
    assert room.records() == []
