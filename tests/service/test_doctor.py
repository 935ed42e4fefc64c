"""What a server found wrong: asked without waiting, looked at again while somebody asks."""

from __future__ import annotations

import asyncio

from jupyter_gpu_containers.service.doctor.doctor import FINE_FOR, WRONG_FOR, Doctor
from jupyter_gpu_containers.service.doctor.findings import Finding, Level

DISK = Finding("disk", Level.PROBLEM, "3 GB are free.", "docker image prune")
NOTE = Finding("runc", Level.NOTE, "Not known.")


class Machine:
    """A machine whose findings a test sets; counts looks, and what was told."""

    def __init__(self) -> None:
        self.now, self.looks, self.told = 0.0, 0, 0
        self.findings: list[Finding] = [NOTE]
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.doctor = Doctor(lambda: self.now)
        self.doctor.begin(self._look, self._tell)

    async def _look(self) -> list[Finding]:
        self.looks += 1
        await self.may_end.wait()
        return self.findings

    def _tell(self) -> None:
        self.told += 1

    async def after_a_look(self, seconds: float = 0) -> tuple[Finding, ...]:
        """Ask after a time, let the look that comes of it end, and return what is known then."""
        self.now += seconds
        self.doctor.known()
        if self.doctor._looking is not None:
            await asyncio.wait([self.doctor._looking])
        return self.doctor._found


async def test_nothing_is_known_before_the_first_look() -> None:
    machine = Machine()
    machine.findings = [NOTE, DISK]
    assert machine.doctor.known() == ()
    assert await machine.after_a_look() == (DISK,)
    assert (machine.looks, machine.told) == (1, 1)


async def test_a_machine_on_which_all_is_fine_is_left_alone() -> None:
    machine = Machine()
    for seconds in (0, 1, FINE_FOR - 2):
        await machine.after_a_look(seconds)
    assert (machine.looks, machine.told) == (1, 0)
    machine.findings = [DISK]
    assert await machine.after_a_look(2) == (DISK,)
    assert (machine.looks, machine.told) == (2, 1)


async def test_what_is_wrong_is_looked_at_again_soon() -> None:
    machine = Machine()
    machine.findings = [DISK]
    await machine.after_a_look()
    await machine.after_a_look(WRONG_FOR)
    assert (machine.looks, machine.told) == (2, 1)  # the same is not news
    machine.findings = []
    assert await machine.after_a_look(WRONG_FOR) == ()
    assert machine.told == 2


async def test_one_look_at_a_time_and_none_after_the_end() -> None:
    machine = Machine()
    machine.may_end.clear()
    for _ in range(3):
        machine.doctor.known()
        await asyncio.sleep(0)
    assert machine.looks == 1
    await machine.doctor.close()
    assert machine.doctor.known() == ()
    await asyncio.sleep(0)
    assert (machine.looks, machine.told) == (1, 0)
    await Doctor().close()  # it was never begun
    assert Doctor().known() == ()
