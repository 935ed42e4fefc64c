"""The NVML inventory: the real pynvml on a fake driver library, machine by machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_gpu_containers.gpus.processes import with_containers
from jupyter_gpu_containers.model.gpu.device import Driver, Gpu, GpuProcess, GpuSnapshot
from tests.doubles.engine import HOOK
from tests.doubles.nvml import MACHINES, FakeDriver, Gate, fake_driver, uuid_of
from tests.gpus import scenarios
from tests.gpus.assertions import agrees_with_nvidia_smi
from tests.gpus.child import run_with

GIB = 2**30
MIB = 2**20


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def read(tmp_path: Path, machine: str | None, *, r470: bool = False) -> GpuSnapshot:
    return run_with(fake_driver(tmp_path, machine, r470=r470), scenarios.read_once)


def process(pid: int, memory: int) -> GpuProcess:
    """A process of this machine, whose container is known where process ids are the driver's."""
    gpu = Gpu("GPU-1", 0, "T4", processes=(GpuProcess(pid, memory),))
    return with_containers(GpuSnapshot((gpu,))).gpus[0].processes[0]


def hanging(tmp_path: Path, gate: Gate) -> FakeDriver:
    driver = fake_driver(tmp_path, "h200")
    gate.shut()
    driver.hang(gate)
    return driver


def test_whole_gpu(tmp_path: Path) -> None:
    assert read(tmp_path, "h200") == GpuSnapshot(
        gpus=(
            Gpu(
                uuid=uuid_of("h200", "gpu0"),
                index=0,
                name="NVIDIA H200",
                memory_total=143771 * MIB,
                memory_used=0,
                utilization=0,
                compute_capability=(9, 0),
                minor_number=0,
                brand="Nvidia",
            ),
        ),
        driver=Driver("580.159.03", "13.0"),
    )


def test_energy_and_else_power(tmp_path: Path) -> None:
    """Joules since the driver was loaded; GPUs that do not count them tell watts."""
    driver = fake_driver(tmp_path, "2xt4-r470", r470=True)
    driver.edit("gpu0", energy_mj="1234500", power_mw="70000")
    driver.edit("gpu1", power_mw="70500")
    counts, tells = run_with(driver, scenarios.read_once).gpus
    assert (counts.energy, counts.power) == (1234.5, None)
    assert (tells.energy, tells.power) == (None, 70.5)


def test_mig_instances_tell_no_energy(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100-mig")
    for gpu in ("gpu0", "gpu1"):
        driver.edit(gpu, energy_mj="1000", power_mw="70000")
    found = run_with(driver, scenarios.read_once).gpus
    assert {(gpu.energy, gpu.power) for gpu in found if gpu.mig_profile} == {(None, None)}


def test_brands_are_named_as_images_name_them(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "2xt4-r470", r470=True)
    driver.edit("gpu1", brand="99")  # of a later NVML
    assert [gpu.brand for gpu in run_with(driver, scenarios.read_once).gpus] == ["Tesla", "Unknown"]


def test_memory_is_what_the_driver_does_not_reserve(tmp_path: Path) -> None:
    (gpu,) = read(tmp_path, "rtx4090-r535").gpus
    assert gpu.memory_total == (24564 - 400) * MIB
    assert gpu.memory_used == 812 * MIB
    assert gpu.memory_free == gpu.memory_total - gpu.memory_used


def test_old_driver_lacks_newer_calls(tmp_path: Path) -> None:
    """R470 has neither the third process list nor the second memory structure."""
    driver = fake_driver(tmp_path, "2xt4-r470", r470=True)
    driver.edit("gpu1", reserved_mib="100", proc0=f"{os.getpid()}, 1100")
    snapshot = run_with(driver, scenarios.read_once)
    assert snapshot.driver == Driver("470.182.03", "11.4")
    assert [gpu.problem for gpu in snapshot.gpus] == [None, None]
    assert snapshot.gpus[1].memory_total == 15360 * MIB
    assert snapshot.gpus[1].memory_used == 1300 * MIB  # old calls count reserved as used
    assert snapshot.gpus[1].processes == (process(os.getpid(), 1100 * MIB),)
    assert driver.calls()["nvmlDeviceGetMemoryInfo"] == 2


def test_only_leaf_devices_are_listed(tmp_path: Path) -> None:
    machine = "dgx-a100-mig"
    driver = fake_driver(tmp_path, machine)
    driver.edit("gpu1", proc0=f"{os.getpid()}, 8975, 1, 0")
    snapshot = run_with(driver, scenarios.read_once)
    split = [uuid_of(machine, "gpu0"), uuid_of(machine, "gpu1")]
    whole = [uuid_of(machine, f"gpu{n}") for n in range(2, 8)]
    assert [g.uuid for g in snapshot.gpus if g.mig_profile is None] == whole
    instances = [g for g in snapshot.gpus if g.mig_profile is not None]
    assert [g.mig_profile for g in instances] == ["1g.10gb"] * 7 + [
        "3g.40gb",
        "2g.20gb",
        "1g.10gb",
        "1g.10gb",
    ]
    assert [(g.index, g.minor_number, g.parent_uuid) for g in instances] == (
        [(0, 0, split[0])] * 7 + [(1, 1, split[1])] * 4
    )
    assert snapshot.problem is None
    assert instances[7] == Gpu(
        uuid=uuid_of(machine, "gpu1", mig=0),
        index=1,
        name="NVIDIA A100-SXM4-80GB",
        memory_total=40192 * MIB,
        memory_used=9000 * MIB,
        utilization=None,  # NVML does not know it for MIG
        compute_capability=(8, 0),
        minor_number=1,
        parent_uuid=split[1],
        mig_profile="3g.40gb",
        processes=(process(os.getpid(), 8975 * MIB),),
        brand="Nvidia",
    )


@pytest.mark.parametrize("machine", ["h200", "2xt4-r470", "dgx-a100-mig", "rtx5090-r570"])
def test_agrees_with_nvidia_smi(tmp_path: Path, machine: str) -> None:
    driver = fake_driver(tmp_path, machine)
    listing = subprocess.run(
        [HOOK / "nvidia-smi", "-L"],
        env=os.environ | driver.env,
        capture_output=True,
        text=True,
        check=True,
    )
    agrees_with_nvidia_smi(run_with(driver, scenarios.read_once), listing.stdout)


def test_processes_of_a_busy_gpu(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100-mig")
    driver.edit("gpu3", proc0=f"{os.getpid()}, 20000", proc1=f"{os.getppid()}, 9400")
    found = {g.uuid: g.processes for g in run_with(driver, scenarios.read_once).gpus if g.processes}
    assert found == {
        uuid_of("dgx-a100-mig", "gpu3"): (
            process(os.getpid(), 20000 * MIB),
            process(os.getppid(), 9400 * MIB),
        )
    }


def test_a_driver_that_does_not_tell_who_computes(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    steps: list[tuple[str, dict[str, str | None]]] = [("gpu0", {"procs": "na"})]
    told, silent = run_with(driver, scenarios.edits, steps)
    for snapshot, known in ((told, True), (silent, False)):
        (gpu,) = snapshot.gpus
        assert (gpu.processes, gpu.processes_known, gpu.problem) == ((), known, None)


def test_desktop_does_not_occupy_a_gpu(tmp_path: Path) -> None:
    """Programs that draw have compute contexts, too, on the workstation's only GPU."""
    driver = fake_driver(tmp_path, "rtx4090-r535")
    driver.edit("gpu0", draw0=f"{os.getppid()}, 300", proc0=f"{os.getpid()}, 500")
    (gpu,) = run_with(driver, scenarios.read_once).gpus
    assert gpu.processes == (process(os.getpid(), 500 * MIB),)


def test_ended_process_is_not_shown(tmp_path: Path) -> None:
    """Nor from memory: a GPU is free as soon as its last process is gone."""
    driver = fake_driver(tmp_path, "h200")
    during, after = run_with(driver, scenarios.process_ends)
    assert len(during.gpus[0].processes) == 1
    assert after.gpus[0].processes == ()
    assert driver.calls()["nvmlDeviceGetCount_v2"] == 1


def test_mig_mode_without_instances_is_said(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    driver.edit("gpu0", mig="1")
    (gpu,) = run_with(driver, scenarios.read_once).gpus
    assert gpu.problem is not None
    assert gpu.problem.code == "mig_without_instances"
    assert "-i 0" in gpu.problem.hint


def test_gap_between_mig_instances(tmp_path: Path) -> None:
    """Deleted instances leave gaps in the numbering; the ones after them are found."""
    driver = fake_driver(tmp_path, "dgx-a100-mig")
    driver.edit("gpu1", mig1=None)
    profiles = [g.mig_profile for g in run_with(driver, scenarios.read_once).gpus if g.parent_uuid]
    assert profiles[7:] == ["3g.40gb", "1g.10gb", "1g.10gb"]


@pytest.mark.parametrize(
    ("machine", "code", "words"),
    [
        (None, "driver_not_installed", "No NVIDIA driver is installed"),
        ("driver-not-loaded", "driver_not_loaded", "kernel module is not loaded"),
        ("driver-library-mismatch", "driver_library_mismatch", "old kernel module"),
        ("no-gpu", "no_gpu", "has no GPU"),
    ],
)
def test_no_gpu_is_an_answer(tmp_path: Path, machine: str | None, code: str, words: str) -> None:
    snapshot = read(tmp_path, machine)
    assert snapshot.gpus == ()
    assert snapshot.problem is not None
    assert snapshot.problem.code == code
    assert words in snapshot.problem.message
    assert snapshot.problem.hint


def test_every_machine_is_read(tmp_path: Path) -> None:
    """No machine of ours, present or to come, makes the inventory raise."""
    for path in sorted(MACHINES.glob("*.ini")):
        snapshot = read(tmp_path / path.stem, path.stem)
        assert bool(snapshot.gpus) != bool(snapshot.problem), path.stem


def test_broken_gpus_do_not_hide_the_others(tmp_path: Path) -> None:
    snapshot = read(tmp_path, "4xv100-broken")
    codes = [gpu.problem.code if gpu.problem else "" for gpu in snapshot.gpus]
    assert codes == ["", "gpu_lost", "gpu_reset_required", ""]
    assert [gpu.index for gpu in snapshot.gpus] == [0, 1, 2, 3]
    assert len({gpu.uuid for gpu in snapshot.gpus}) == 4
    assert snapshot.gpus[3].memory_used == 31000 * MIB
    assert snapshot.problem is None
    reset = snapshot.gpus[2].problem
    assert reset is not None
    assert "--gpu-reset -i 2" in reset.hint


def test_gpu_that_dies_keeps_its_identity(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "4xv100-broken")
    alive, dead, again = run_with(
        driver, scenarios.edits, [("gpu3", {"state": "lost"}), ("gpu3", {"state": "ok"})]
    )
    assert alive.gpus[3].problem is None
    assert dead.gpus[3].problem is not None
    assert dead.gpus[3].problem.code == "gpu_lost"
    assert dead.gpus[3].uuid == alive.gpus[3].uuid
    assert dead.gpus[3].name == "Tesla V100-SXM2-32GB"
    assert dead.gpus[0] == alive.gpus[0]
    assert again == alive
    assert driver.calls()["nvmlInitWithFlags"] == 1


def test_driver_reload(tmp_path: Path) -> None:
    """The kernel module goes away and comes back: NVML is initialised anew by itself."""
    driver = fake_driver(tmp_path, "h200")
    before, without, after, shrunk = run_with(
        driver,
        scenarios.edits,
        [
            ("system", {"init": "driver_not_loaded"}),
            ("system", {"init": None, "driver": "580.200.01"}),
            ("gpu0", {"used_mib": "7"}),
        ],
    )
    assert without.gpus == ()
    assert without.problem is not None
    assert without.problem.code == "driver_not_loaded"
    assert after.gpus == before.gpus
    assert after.driver == Driver("580.200.01", "13.0")
    assert shrunk.gpus[0].memory_used == 7 * MIB
    # at first, after the failure, when it came back; the fourth snapshot needed none
    assert driver.calls()["nvmlInitWithFlags"] == 3


def test_nothing_is_loaded_before_the_first_question(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    loaded = run_with(driver, scenarios.make_without_asking)
    assert loaded == ["jupyter_gpu_containers.gpus.nvml"]
    assert not driver.calls()


def test_burst_asks_the_driver_once(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "dgx-a100-mig")
    answers = run_with(driver, scenarios.burst, 20)
    assert len(answers) == 21
    assert all(answer == answers[0] for answer in answers)
    assert driver.calls()["nvmlInitWithFlags"] == 1
    assert driver.calls()["nvmlDeviceGetCount_v2"] == 1
    assert driver.calls()["nvmlShutdown"] == 1


def test_one_initialisation_and_one_thread_for_life(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    assert run_with(driver, scenarios.ask_again, 10) == 1
    assert driver.calls()["nvmlDeviceGetCount_v2"] == 10
    assert driver.calls()["nvmlInitWithFlags"] == 1


def test_slow_driver_does_not_block_the_loop(tmp_path: Path, gate: Gate) -> None:
    snapshot = run_with(hanging(tmp_path, gate), scenarios.loop_stays_free, gate)
    assert [gpu.name for gpu in snapshot.gpus] == ["NVIDIA H200"]
    assert snapshot.problem is None


def test_hanging_driver_yields_the_last_state(tmp_path: Path, gate: Gate) -> None:
    driver = fake_driver(tmp_path, "h200")
    before, during, after = run_with(driver, scenarios.hang_and_recover, gate)
    assert before.problem is None
    assert during.gpus == before.gpus
    assert during.driver == before.driver
    assert (before.stale, during.stale) == (False, True)
    assert during.problem is not None
    assert during.problem.code == "nvml_slow"
    assert after == before


def test_process_ends_while_the_driver_hangs(tmp_path: Path, gate: Gate) -> None:
    snapshot = run_with(hanging(tmp_path, gate), scenarios.end_while_hanging)
    assert gate.is_shut
    assert snapshot.gpus == ()
    assert snapshot.problem is not None
    assert snapshot.problem.code == "nvml_slow"


def test_several_event_loops(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    answers = run_with(driver, scenarios.several_loops, 4)
    assert len(answers) == 5
    assert all(len(answer.gpus) == 1 and answer.problem is None for answer in answers)
    assert driver.calls()["nvmlInitWithFlags"] == 1


def test_cancelled_question_leaves_the_others(tmp_path: Path, gate: Gate) -> None:
    snapshot = run_with(hanging(tmp_path, gate), scenarios.give_up, gate)
    assert snapshot.problem is None
    assert len(snapshot.gpus) == 1


def test_closed_inventory_can_be_asked_again(tmp_path: Path) -> None:
    driver = fake_driver(tmp_path, "h200")
    first, second = run_with(driver, scenarios.close_and_ask)
    assert first == second
    assert driver.calls()["nvmlInitWithFlags"] == driver.calls()["nvmlShutdown"] == 2


def test_unexpected_failure_is_an_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    snapshot = run_with(fake_driver(tmp_path, "h200"), scenarios.broken_package)
    assert snapshot.problem is not None
    assert snapshot.problem.code == "nvml_error"
    assert "nvmlSystemGetDriverVersion" in snapshot.problem.message
    assert "Traceback" in capfd.readouterr().err


def test_missing_package_is_an_answer(tmp_path: Path) -> None:
    snapshot = run_with(fake_driver(tmp_path, "h200"), scenarios.no_package)
    assert snapshot.problem is not None
    assert snapshot.problem.code == "nvml_error"
    assert "pynvml" in snapshot.problem.message
