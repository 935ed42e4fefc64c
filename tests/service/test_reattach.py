"""A server finds the kernels of its former life: each way in which that can go."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpu_containers.backends.memory import MemoryStore
from jupyter_gpu_containers.model.gpu.device import Problem
from jupyter_gpu_containers.model.kernel import labels
from jupyter_gpu_containers.model.kernel.container import ContainerStatus
from jupyter_gpu_containers.model.kernel.launch import Launch, Phase
from jupyter_gpu_containers.service.kernel.owner import Owner
from jupyter_gpu_containers.service.recovery.records import Records
from jupyter_gpu_containers.service.recovery.signing import Signer
from tests.service.reattach_machine import *  # noqa: F403
from tests.service.reattach_machine import (
    KERNEL,
    PORTS,
    REBOOTED,
    SERVER,
    Engine,
    Machine,
)

OTHER = "5b7c0e0e-0d3e-4c1f-8f3e-2a1f5d1c9a22"


async def test_runs_and_answers(machine: Machine) -> None:
    record = await machine.alive()
    machine.come_back()
    assert machine.jupyter.listed == {KERNEL}  # before the engine has said a word
    assert machine.told.recovered == [KERNEL]
    assert machine.told.answering == []
    await machine.settled()
    assert machine.told.answering == [KERNEL]
    kernel = machine.jupyter.kernels[KERNEL]
    assert kernel.container_id == record.container_id
    assert kernel.seat == replace(record.seat, owner=str(Owner.current()))
    assert machine.kernels.get(KERNEL) is kernel
    assert machine.told.failed == {}
    # the reconciler knows whose it is now
    assert (await machine.claims.reconcile()).removed == []
    await machine.kernels.remove(kernel)


async def test_was_shut_down_while_its_container_still_went(machine: Machine) -> None:
    """It is removed without a word: nobody misses it."""
    ended = Launch(KERNEL, kernel_id=KERNEL).advance(Phase.CANCELLED, 1.0)
    await machine.alive(launch=ended)
    machine.come_back()
    await machine.settled()
    assert (machine.jupyter.listed, machine.jupyter.discarded) == (set(), [KERNEL])
    assert (machine.told.recovered, machine.told.failed) == ([], {})
    assert machine.left() == []


async def test_what_it_was_started_with_is_still_told(machine: Machine) -> None:
    """Its container has the same variables; a restart of the kernel tells so once more."""
    waived = Problem("requirement_waived", "More than the driver promises.", "Update it.")
    launch = replace(Launch(KERNEL, kernel_id=KERNEL), warnings=(waived,))
    await machine.alive(launch=launch)
    assert machine.records.of_server(SERVER)[0].launch.warnings == (waived,)
    machine.come_back()
    await machine.settled()
    kernel = machine.jupyter.kernels[KERNEL]
    assert kernel.warnings == (waived,)
    await machine.kernels.remove(kernel)


async def test_the_engine_is_away(machine: Machine) -> None:
    """Unknown is never gone: the kernel stays listed for as long as it takes."""
    await machine.alive()
    machine.engine.away = True
    machine.come_back()
    for _ in range(5):
        machine.engine.asked.clear()
        await machine.engine.asked.wait()
    assert machine.jupyter.listed == {KERNEL}
    assert machine.told.failed == {}
    machine.engine.away = False
    await machine.settled()
    assert KERNEL in machine.jupyter.kernels
    await machine.kernels.remove(machine.jupyter.kernels[KERNEL])


async def test_the_server_is_stopped_while_the_engine_is_away(machine: Machine) -> None:
    """Nothing is forgotten: the next server finds the kernel."""
    await machine.alive()
    machine.engine.away = True
    machine.come_back()
    await machine.engine.asked.wait()
    await machine.reattach.close()
    machine.engine.away = False
    assert len(machine.store.records) == 1
    assert len(Records(machine.folder / "kernels").of_server(SERVER)) == 1


async def test_the_server_is_stopped_before_the_kernel_answered(machine: Machine) -> None:
    """An ordinary shutdown stops kernels, also those that were not taken over yet."""
    await machine.alive(answer=False)
    machine.come_back()
    await machine.engine.asked.wait()
    await machine.reattach.close()
    assert machine.left() == []


async def test_it_has_ended(machine: Machine) -> None:
    record = await machine.alive()
    ended = machine.engine.watch(record.container_id)
    await machine.engine.signal(record.container_id, 9)
    await asyncio.wrap_future(ended)
    machine.store.records[record.container_id].reported = 0  # it was another process that saw it
    machine.come_back()
    await machine.settled()
    assert list(machine.told.failed) == [KERNEL]
    assert machine.jupyter.listed == set()
    assert machine.left() == []


async def test_the_machine_was_restarted(machine: Machine) -> None:
    seat = machine.seat()
    container_id = await machine.container(owner=REBOOTED)
    machine.record(seat, container_id)
    ended = machine.engine.watch(container_id)
    await machine.engine.signal(container_id, 9)
    await asyncio.wrap_future(ended)
    machine.store.records[container_id].reported = 0
    shutil.rmtree(seat.run_dir)  # /run is in memory
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "host_rebooted"}
    assert machine.left() == []


async def test_its_container_is_gone(machine: Machine) -> None:
    record = await machine.alive()
    await machine.engine.remove(record.container_id)
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "container_removed"}
    assert machine.left() == []


async def test_another_container_in_its_place(machine: Machine) -> None:
    """With the same labels, signature and all: it is not the one on record, and stays."""
    record = await machine.alive()
    await machine.engine.remove(record.container_id)
    copy = await machine.container()
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "container_removed"}
    assert list(machine.store.records) == [copy]


async def test_one_that_we_did_not_sign(machine: Machine) -> None:
    """What cannot be authenticated is neither adopted nor removed."""
    seat = machine.seat()
    container_id = await machine.container(key=Signer(b"x" * 64))
    machine.record(seat, container_id)
    machine.listen(seat)
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "container_removed"}
    assert list(machine.store.records) == [container_id]


async def test_it_never_answers(machine: Machine) -> None:
    await machine.alive(answer=False)
    machine.reattach._grace = 0.05
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "kernel_not_recovered"}
    assert machine.left() == []


async def test_one_that_is_paused_has_no_time_to_answer(machine: Machine) -> None:
    record = await machine.alive(answer=False)
    machine.reattach._grace = 0.05
    machine.engine.status = ContainerStatus.PAUSED
    machine.come_back()
    for _ in range(3):  # after each grace it is looked at again
        machine.engine.asked.clear()
        await machine.engine.asked.wait()
    assert machine.told.failed == {}
    assert list(machine.store.records) == [record.container_id]
    await machine.reattach.close()


def exchange(path: Path, how: str) -> None:
    """Do what a kernel could do to its own socket."""
    path.unlink()
    if how == "file":
        path.touch()
    else:
        path.symlink_to("k-2" if how == "link to a socket" else "/etc/passwd")


@pytest.mark.parametrize("how", ["link", "file", "link to a socket"])
async def test_what_is_no_socket_of_the_kernels(machine: Machine, how: str) -> None:
    record = await machine.alive()
    exchange(Path(record.seat.run_dir, "k-1"), how)
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "run_dir_changed"}
    assert machine.left() == []


async def test_a_connection_that_leads_elsewhere(machine: Machine) -> None:
    """A record is our own file; still no address outside the run directory is used."""
    seat = machine.seat()
    connection = {"transport": "ipc", "ip": "/var/run/docker.sock", "key": "x", **PORTS}
    machine.record(seat, await machine.container(), connection=connection)
    machine.listen(seat)
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "run_dir_changed"}


async def test_its_start_was_not_finished(machine: Machine) -> None:
    seat = machine.seat()
    await machine.container(run=False)
    machine.record(seat, "")
    machine.come_back()
    await machine.settled()
    assert machine.told.failed == {KERNEL: "server_ended"}
    assert machine.jupyter.listed == set()
    assert machine.jupyter.discarded == [KERNEL]
    assert machine.left() == []


async def test_a_page_that_asks_at_once_is_told(machine: Machine) -> None:
    """While the engine is away nothing can be removed; what there is to say is known."""
    seat = machine.seat()
    await machine.container(run=False)
    machine.record(seat, "")
    machine.engine.away = True
    machine.come_back()
    assert machine.told.failed == {KERNEL: "server_ended"}
    machine.engine.away = False
    await machine.settled()
    assert machine.left() == []


async def test_a_start_that_had_no_record_yet(machine: Machine) -> None:
    """It is told of, by every server until one has lived for long enough that pages were back."""
    launch = Launch(KERNEL, image="torch:1", path="n.ipynb").advance(Phase.QUEUED, 1.0)
    machine.before.starts.note(launch, SERVER)
    machine.before.starts.note(replace(launch, id="../outside"), SERVER)
    machine.before.starts.note(replace(launch, id=OTHER), "s-1")
    machine.come_back()
    assert machine.told.failed == {KERNEL: "server_ended"}
    assert machine.jupyter.discarded == [KERNEL]
    again = Records(machine.folder / "kernels").starts  # the one that told of it dies, too
    assert again.of_server(SERVER) == [replace(launch, kernel_id=KERNEL)]
    machine.records.starts.forget_told()
    assert len(again.of_server(SERVER)) == 1
    await machine.reattach.close()
    assert again.of_server(SERVER) == []
    assert len(again.of_server("s-1")) == 1


async def test_a_start_that_was_not_written_whole(machine: Machine) -> None:
    machine.before.starts.note(Launch(KERNEL), SERVER)
    [file] = (machine.folder / "starts").iterdir()
    file.write_text("{")
    machine.come_back()
    assert machine.told.failed == {KERNEL: "server_ended"}


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.CANCELLED, Phase.FAILED])
async def test_a_start_that_is_over_is_not_told_of(machine: Machine, phase: Phase) -> None:
    launch = Launch(KERNEL).advance(Phase.QUEUED, 1.0)
    machine.before.starts.note(launch, SERVER)
    machine.before.starts.note(launch.advance(phase, 2.0), SERVER)
    machine.come_back()
    assert machine.told.failed == {}
    assert list((machine.folder / "starts").iterdir()) == []


async def test_one_that_waited_goes_on_when_its_rest_is_gone(machine: Machine) -> None:
    """The queue's file knows of it, too: it is removed first, and is not called failed."""
    seat = machine.seat()
    await machine.container(run=False)
    record = machine.record(seat, "")
    machine.told.waiting[KERNEL] = record.launch
    machine.engine.away = True
    machine.come_back()
    cleared = asyncio.ensure_future(machine.reattach.cleared(KERNEL))
    await machine.engine.asked.wait()
    assert not cleared.done()
    machine.engine.away = False
    await cleared
    assert machine.left() == []
    assert machine.told.failed == {}
    await machine.reattach.cleared(OTHER)  # of which there is nothing


@pytest.mark.parametrize("comes_back", [True, False])
async def test_folders_of_a_kernel_on_another_engine(machine: Machine, comes_back: bool) -> None:
    """This engine has no container of it; still they stay while its server may come back."""
    record = await machine.alive(server="s-1")
    other = Engine(MemoryStore())
    assert await other.containers(labels.VERSION) == []
    asked: list[str] = []

    def may_return(server: str) -> bool:
        asked.append(server)
        return comes_back

    machine.reconciler.may_return = may_return  # type: ignore[method-assign]
    await machine.reattach.sweep_folders([])
    assert asked == ["s-1"]
    assert (record.seat.run_dir in machine.left()) is comes_back
    assert (os.path.dirname(record.seat.home_dir) in machine.left()) is comes_back
