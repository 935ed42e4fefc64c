"""The command line in this process, on an engine of records that lives through several commands."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jupyter_core.paths import jupyter_data_dir

from jupyter_gpu_containers import config
from jupyter_gpu_containers.backends.memory import MemoryBackend, MemoryStore
from jupyter_gpu_containers.backends.memory.images import DEMO_IMAGES
from jupyter_gpu_containers.cli import main
from jupyter_gpu_containers.gpus.fixed import FixedInventory
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerSpec
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.recovery.signing import Signer, load_key
from tests.registry_fixtures import *  # noqa: F403
from tests.room_fixtures import *  # noqa: F403

T = TypeVar("T")
GPUS = [{"name": "NVIDIA H200", "memory_gib": 141, "compute_capability": "9.0", "count": 2}]
TORCH = "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
GONE = str(Owner.current()).rpartition("/")[0] + "/1"  # this process id at another start time


@dataclass
class Ran:
    """What a command left on the terminal."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands; keeps an engine's containers from one command to the next."""

    capsys: pytest.CaptureFixture[str]
    backend: MemoryBackend
    config_file: Path
    made: int = field(default=0)

    def __call__(self, *words: str) -> Ran:
        try:
            status = main([*words, "--config", str(self.config_file)])
        except SystemExit as exc:  # how argparse leaves
            status = exc.code if isinstance(exc.code, int) else 1
        out, err = self.capsys.readouterr()
        return Ran(status, out, err)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return asyncio.run(coroutine)

    def container(
        self, *, owner: str = GONE, command: tuple[str, ...] = ("true",), **texts: Any
    ) -> str:
        """Create a container of ours, not started; return its id."""
        self.made += 1
        number = self.made
        about = {
            "purpose": "kernel",
            "user": config._login_name(),
            "kernel_id": f"{number:08d}-3e43-4b6c-9a54-1f3f8a7b0c11",
            "environment": "torch",
            "display_name": "PyTorch 2.6 · 1 GPU",
            "notebook": f"nb{number}.ipynb",
        } | texts
        spec = ContainerSpec(
            image=DEMO_IMAGES[0].id,
            command=command,
            name=f"jupyter-kernel-{number}",
            user="1000:1000",
            working_dir="/",
            labels=labels.make_labels(owner=owner, **about),
        )
        key = load_key(Path(jupyter_data_dir()) / "gpu_containers" / "key")
        return self.wait(self.backend.create(Signer(key).signed(spec)))

    def containers(self) -> Sequence[str]:
        """Return the ids of all containers that are there."""
        return [container.id for container in self.wait(self.backend.containers(labels.VERSION))]

    def uuids(self) -> list[str]:
        """Return the UUIDs of the machine's GPUs."""
        snapshot = self.wait(FixedInventory(GPUS).snapshot())
        return [gpu.uuid for gpu in snapshot.gpus]

    def configure(self, **traits: Any) -> None:
        """Change the configuration file."""
        document = json.loads(self.config_file.read_text())
        document["GpuContainers"] |= traits
        self.config_file.write_text(json.dumps(document))


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PATH", "")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    run_dir = Path(tempfile.mkdtemp(prefix="jgc-"))  # short: Unix sockets are to fit
    config_file = tmp_path / "gpu_config.json"
    traits = {"backend": "memory", "fixed_gpus": GPUS, "run_dir": str(run_dir)}
    config_file.write_text(json.dumps({"GpuContainers": traits}))
    store = MemoryStore()
    backend = MemoryBackend(store=store)  # stays open, as an engine does

    def open_backend(traits: object) -> MemoryBackend:
        return MemoryBackend(store=store, transfer_seconds=0)

    monkeypatch.setattr(config, "_backend", open_backend)
    yield Terminal(capsys, backend, config_file)
    backend.close()
    shutil.rmtree(run_dir)
