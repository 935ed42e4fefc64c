"""What a server writes down of its kernels, and reads again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from jupyter_gpu_containers.model.kernel.launch import Launch, Seat
from jupyter_gpu_containers.model.kernel.record import KernelRecord, SessionRow
from jupyter_gpu_containers.service.recovery.records import Records
from tests.service.reattach_machine import *  # noqa: F403
from tests.service.reattach_machine import (
    DEAD,
    ENVIRONMENT,
    KERNEL,
    ME,
    SERVER,
    Machine,
)


async def test_records_of_another_server(machine: Machine) -> None:
    await machine.alive(server="s-1")
    machine.come_back()
    assert machine.jupyter.listed == set()
    assert len(list((machine.folder / "kernels").glob("*"))) == 1


async def test_drafts_of_a_server_that_died(machine: Machine) -> None:
    """Those of another one may be being written."""
    folder = machine.folder / "kernels"
    folder.mkdir()
    (folder / f"{KERNEL}.{SERVER}.draft").touch()
    (folder / f"{KERNEL}.s-1.draft").touch()
    assert machine.records.of_server(SERVER) == []
    assert [path.name for path in folder.iterdir()] == [f"{KERNEL}.s-1.draft"]


async def test_there_and_back(machine: Machine) -> None:
    record = await machine.alive(gpus=("GPU-1",), memory=1 << 30)
    [found] = machine.records.of_server(SERVER)
    assert found == replace(
        record,
        launch=replace(
            record.launch,
            environment="torch",
            container_id=record.container_id,
            gpus=("GPU-1",),
        ),
        environment=replace(
            record.environment, kernel=replace(record.environment.kernel, display_name="Torch")
        ),
    )


async def test_damaged_ones(machine: Machine) -> None:
    """Cut off, flipped, of another version: told in the log, never an exception."""
    record = await machine.alive()
    path = machine.folder / "kernels" / f"{KERNEL}.json"
    whole = path.read_bytes()
    document = record.to_document()
    damaged = [
        whole[:100],
        b"",
        b"[]",
        b"\xff" * 10,
        *(json.dumps({**document, key: None}).encode() for key in document),
        json.dumps({**document, "kernel_id": "../../etc/passwd"}).encode(),
        json.dumps({**document, "format": 99}).encode(),
        *(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(500)),
    ]
    for content in damaged:
        path.write_bytes(content)
        for found in machine.records.of_server(SERVER):
            assert found.kernel_id == KERNEL


def test_an_id_that_is_no_uuid_is_no_files_name(tmp_path: Path) -> None:
    records = Records(tmp_path / "kernels")
    seat = Seat("x", ME, DEAD, workspace=None, working_dir="/", run_dir="/r", home_dir="/h")  # type: ignore[arg-type]
    for bad in ("../x", "x", "", KERNEL.upper(), KERNEL + "\n"):
        launch = Launch(bad)
        records.put(KernelRecord(bad, SERVER, ENVIRONMENT, seat, launch, {}))
        records.remove(bad)
    assert list(tmp_path.iterdir()) == []


async def test_sessions_that_come_and_go(machine: Machine) -> None:
    """Also those that are opened before the kernel is recorded."""
    records = Records(machine.folder / "kernels")
    one, two = (SessionRow(key, f"{key}.ipynb", key, "notebook") for key in ("a", "b"))
    records.note_sessions({KERNEL: (one,)})
    record = await machine.alive(sessions=())
    records.put(record)
    assert Records(machine.folder / "kernels").of_server(SERVER)[0].sessions == (one,)
    records.note_sessions({KERNEL: (one, two), "other": ()})
    assert Records(machine.folder / "kernels").of_server(SERVER)[0].sessions == (one, two)
    records.note_sessions({})
    assert Records(machine.folder / "kernels").of_server(SERVER)[0].sessions == ()
