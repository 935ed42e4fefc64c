"""Rounds, the client process and the reading of memory: what they find, never how long it takes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from . import contenders, footprint
from .clients import Client, Clients, FailedError
from .place import Place
from .rounds import Gate, Sample, interleave

IMPATIENT = Gate(patience=0.0)


def test_slow_case_has_fewer_samples_and_a_failing_one_its_words() -> None:
    calls: list[str] = []

    async def good(name: str) -> Sample:
        calls.append(name)
        return {"x": 1.0}

    async def bad() -> Sample:
        raise RuntimeError("no such kernel")

    cases = {"often": lambda: good("often"), "rarely": lambda: good("rarely"), "bad": bad}
    found = asyncio.run(interleave(cases, 4, IMPATIENT, settle=0.0, every={"rarely": 3}))
    assert {name: len(samples) for name, samples in found.cases.items()} == {
        "often": 4, "rarely": 2, "bad": 0
    }  # fmt: skip
    # with the round whose samples are dropped, in which slow ones are left out; a busy machine has
    # samples taken anew
    assert calls.count("often") >= 5
    assert calls.count("rarely") >= 2
    assert found.failures == {"bad": "no such kernel"}
    assert found.errors == ["bad: RuntimeError('no such kernel')"] * 5


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose variables are gone after the test."""
    here = Place()
    for name, value in here.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("JUPYTER_GPU_CONTAINERS_BACKEND", raising=False)
    return here


def test_client_measures_a_native_kernel_and_tells_failures(place: Place) -> None:
    async def use() -> None:
        clients = Clients(place)
        with place:
            try:
                async with clients.of(contenders.native()) as client:
                    await _use(client)
                    with pytest.raises(FailedError, match=r"^RuntimeError: ZeroDivisionError"):
                        await client.ask("execute", code="1 / 0")
                    first = client.pid
                    assert set(await client.ask("stop")) == {"shutdown"}
                async with clients.of(contenders.native()) as client:
                    assert client.pid == first  # kept, since nothing failed
            finally:
                await clients.close()

    async def _use(client: Client) -> None:
        started = await client.ask("start", count=1)
        assert 0 < started["start_kernel"] < started["info"] < started["answer"]
        trips = await client.ask("round_trips", count=3)
        assert 0 < trips["round_trip"] <= trips["late"]
        assert set(await client.ask("output", messages=3, size=1000)) == {"output"}
        ((namespace, pid),) = (await client.ask("where"))["where"]
        assert namespace == os.readlink("/proc/self/ns/pid")
        sums = footprint.memory([(namespace, pid)], client.pid, {client.pid})
        assert sums["kernel"] == sums["pss"] > 10e6
        assert sums["shim"] == sums["other"] == 0

    asyncio.run(use())


def test_client_whose_process_ended_says_so(place: Place) -> None:
    async def use() -> None:
        with place:
            nobody = contenders.Contender("nobody", "no-such-kernel")
            with pytest.raises(FailedError, match="NoSuchKernel"):
                await Client.open(place, nobody)

    asyncio.run(use())


def test_memory_of_what_was_there_before_does_not_count() -> None:
    held = "x = bytearray(40_000_000); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        own = [(os.readlink("/proc/self/ns/pid"), child.pid)]
        everybody = {process.pid for process in footprint.processes()}
        assert footprint.memory(own, os.getpid(), everybody)["pss"] == 0
        found = footprint.memory(own, os.getpid(), everybody - {child.pid})
        assert 40e6 < found["kernel"] == found["pss"] < 90e6
        child.stdin.close()
