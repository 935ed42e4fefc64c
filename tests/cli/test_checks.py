"""Each check of `doctor`: fine, and with the problem that it is there for; then the whole."""

import re
import subprocess
from dataclasses import replace

import pytest

from jupyter_gpu_containers.backends.docker.errors import bad_address, not_permitted, unreachable
from jupyter_gpu_containers.backends.docker.podman import PODMAN, degradations
from jupyter_gpu_containers.errors import (
    EngineError,
    EnginePermissionError,
    EngineUnreachableError,
    GpuContainersError,
)
from jupyter_gpu_containers.model.gpu.device import Driver, Gpu, GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.service.doctor import checks, engine_checks, gpu_checks
from jupyter_gpu_containers.service.doctor.checks import CHECKS, check_all
from jupyter_gpu_containers.service.doctor.findings import (
    REPORT,
    Facts,
    Finding,
    Level,
    trouble,
)

UUIDS = ("GPU-0001", "GPU-0002")
GPUS = GpuSnapshot(
    gpus=tuple(Gpu(uuid, index, "NVIDIA H200") for index, uuid in enumerate(UUIDS)),
    driver=Driver("580.95.05", "13.0"),
)
NO_DRIVER = GpuSnapshot(
    problem=Problem("driver_not_installed", "No NVIDIA driver is installed.", "x")
)
ENGINE = EngineInfo(
    name="Docker Engine",
    version="28.3.1",
    api_version="1.51",
    architecture="amd64",
    cdi_devices=tuple(f"nvidia.com/gpu={uuid}" for uuid in UUIDS),
    root_dir="/var/lib/docker",
    details={"runc": "1.3.3"},
)
FINE = Facts(
    engine=ENGINE,
    gpus=GPUS,
    nvidia_devices=2,
    toolkit="1.19.1",
    disk_free=200 << 30,
    run_root="/run/user/1000/jupyter-gpu",
    workspace="/home/ada/work",
)
REFUSED = EnginePermissionError("You may not.", 'sudo usermod -aG docker "$USER"')
AWAY = EngineUnreachableError("Nobody answers.", "sudo systemctl start docker")


def engine(**changes: object) -> Facts:
    return replace(FINE, engine=replace(ENGINE, **changes))  # type: ignore[arg-type]


def gpus(snapshot: GpuSnapshot, **changes: object) -> Facts:
    return replace(FINE, gpus=snapshot, **changes)  # type: ignore[arg-type]


def runc(version: str) -> Facts:
    return engine(details={"runc": version})


SYSTEMD = {**ENGINE.details, "cgroup_driver": "systemd"}
UPGRADED = Problem("driver_library_mismatch", "The driver was upgraded.", "reboot")
LOST = replace(GPUS.gpus[0], problem=Problem("gpu_lost", "GPU 0 has fallen off the bus.", "reboot"))
GONE_IMAGE = Problem("image_not_found", "The image x was removed.", "docker pull x")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_machine_on_which_all_is_fine(check: object) -> None:
    finding = check(FINE)  # type: ignore[operator]
    assert finding.level is Level.OK
    assert finding.fix == ""
    assert finding.message.endswith((".", "here"))


@pytest.mark.parametrize(
    ("facts", "check", "message", "fix"),
    [
        (replace(FINE, engine=AWAY), "engine", "Nobody answers.", "systemctl start docker"),
        (engine(api_version="1.40"), "engine", "too old: API 1.41", "apt install docker.io"),
        (engine(api_version="1.9"), "engine", "too old", "apt install docker.io"),
        (engine(api_version=""), "engine", "too old", "apt install docker.io"),
        (replace(FINE, engine=REFUSED), "permission", "You may not.", "usermod -aG docker"),
        (gpus(NO_DRIVER), "driver", "no driver for it", "apt install nvidia-driver"),
        (
            gpus(
                GpuSnapshot(
                    problem=Problem("driver_library_mismatch", "It was upgraded.", "reboot")
                )
            ),
            "driver",
            "It was upgraded.",
            "reboot",
        ),
        (gpus(replace(GPUS, gpus=(LOST, GPUS.gpus[1]))), "nvml", "fallen off the bus", "reboot"),
        (
            gpus(
                GpuSnapshot(
                    driver=GPUS.driver, problem=Problem("no_gpu", "It has no GPU.", "lspci")
                )
            ),
            "nvml",
            "It has no GPU.",
            "lspci",
        ),
        (engine(cdi_devices=None), "cdi", "neither CDI nor NVIDIA's hook", "nvidia-ctk runtime"),
        (engine(cdi_devices=()), "cdi", "no CDI device for GPU-0001, GPU-0002", "cdi generate"),
        (
            engine(cdi_devices=("nvidia.com/gpu=GPU-0001",)),
            "cdi",
            "no CDI device for GPU-0002.",
            "cdi generate",
        ),
        (
            replace(engine(details=SYSTEMD), unlinked_devices=("/dev/nvidia0", "/dev/nvidiactl")),
            "device links",
            "/dev/nvidia0, /dev/nvidiactl have no links in /dev/char: kernels lose their GPUs",
            "sudo nvidia-ctk system create-dev-char-symlinks --create-all",
        ),
        (
            gpus(
                replace(
                    GPUS,
                    gpus=tuple(replace(gpu, problem=UPGRADED) for gpu in GPUS.gpus),
                    problem=UPGRADED,
                )
            ),
            "nvml",
            "The driver was upgraded.",
            "reboot",
        ),
        (replace(FINE, toolkit=None), "toolkit", "not installed", "install nvidia-container"),
        (replace(FINE, toolkit="1.17.7"), "toolkit", "CVE-2025-23266", "--only-upgrade"),
        (replace(FINE, toolkit="1.9.0"), "toolkit", "CVE-2025-23266", "--only-upgrade"),
        (runc("1.1.12"), "runc", "CVE-2025-31133", "--only-upgrade"),
        (runc("1.2.7"), "runc", "CVE-2025-31133", "--only-upgrade"),
        (runc("1.3.2"), "runc", "CVE-2025-31133", "--only-upgrade"),
        (replace(FINE, disk_free=3 * 10**9), "disk", "3 GB are free in /var", "image prune"),
        (replace(FINE, run_root="/" + "x" * 91), "run directory", "108 bytes", "run_dir ="),
        (
            replace(FINE, run_root_problem=Problem("run_dir_not_private", "Not private.", "chmod")),
            "run directory",
            "Not private.",
            "chmod",
        ),
        (
            replace(FINE, workspace_problem=Problem("x", "It cannot be mounted.", "Elsewhere.")),
            "workspace",
            "It cannot be mounted.",
            "Elsewhere.",
        ),
        (
            replace(FINE, left_behind=("a" * 64, "b" * 64)),
            "left behind",
            "2 containers of servers that are gone.",
            "jupyter gpu-containers stop aaaaaaaaaaaa bbbbbbbbbbbb",
        ),
        (replace(FINE, left_behind=("a" * 64,)), "left behind", "1 container of", "stop aaaa"),
        (
            replace(FINE, broken_environments=(("a", GONE_IMAGE), ("b", GONE_IMAGE))),
            "environments",
            "a: The image x was removed. And 1 more",
            "docker pull x",
        ),
        (
            replace(FINE, server_extension=False),
            "server extension",
            "does not load",
            "jupyter server extension enable jupyter_gpu_containers",
        ),
        (
            replace(FINE, server_extension=False, own_python=False),
            "server extension",
            "does not load",
            'sudo "$(command -v jupyter)" server extension enable jupyter_gpu_containers',
        ),
        (
            replace(FINE, lab_extension=False),
            "lab extension",
            "is disabled",
            "jupyter labextension enable jupyter-gpu-containers --level=user",
        ),
        (
            replace(FINE, lab_extension=None),
            "lab extension",
            "is not installed",
            "pip install --force-reinstall jupyter_gpu_containers",
        ),
    ],
)
def test_one_problem_is_found_by_its_check_and_comes_with_a_fix(
    facts: Facts, check: str, message: str, fix: str
) -> None:
    (finding,) = [finding for finding in check_all(facts) if finding.level is Level.PROBLEM]
    assert finding.name == check
    assert message in finding.message
    assert fix in f"{finding.fix} {finding.advice}"
    assert_pastable(finding)


def assert_pastable(finding: Finding) -> None:
    """A shell takes the fix, and its first word is a program or one of the shell's own."""
    assert finding.fix
    assert "\n" not in finding.fix
    subprocess.run(["bash", "-nc", finding.fix], check=True, timeout=60)
    assert re.match(r"(sudo|docker|pip|jupyter|mkdir|chmod|echo|unset|lspci|reboot) ?", finding.fix)


@pytest.mark.parametrize(
    ("hint", "fix", "advice"),
    [
        ("sudo reboot", "sudo reboot", ""),
        ("Run `sudo a`, then log out.", "sudo a", "Run `sudo a`, then log out."),
        ("See whether `nvidia-smi` answers.", REPORT, "See whether `nvidia-smi` answers."),
        ("Make some with `sudo x -c PROFILE`.", REPORT, "Make some with `sudo x -c PROFILE`."),
        ('Run `sudo x "$USER"`.', 'sudo x "$USER"', 'Run `sudo x "$USER"`.'),
        ("Think.", REPORT, "Think."),
        ("", REPORT, ""),
    ],
)
def test_the_command_of_a_hint(hint: str, fix: str, advice: str) -> None:
    finding = trouble("x", "It is broken.", hint)
    assert (finding.fix, finding.advice) == (fix, advice)
    assert_pastable(finding)


@pytest.mark.parametrize("error", [unreachable(), not_permitted(), bad_address(ValueError("x"))])
def test_what_the_engine_says_comes_with_a_fix(error: GpuContainersError) -> None:
    (finding,) = [
        each for each in check_all(replace(FINE, engine=error)) if each.level is Level.PROBLEM
    ]
    assert_pastable(finding)
    assert finding.fix != REPORT


@pytest.mark.parametrize(
    ("facts", "check", "level"),
    [
        (replace(FINE, engine=REFUSED), engine_checks.check_engine, Level.NOTE),
        (replace(FINE, engine=AWAY), engine_checks.check_permission, Level.NOTE),
        (replace(FINE, engine=AWAY), gpu_checks.check_cdi, Level.NOTE),
        (replace(FINE, engine=AWAY), engine_checks.check_runc, Level.NOTE),
        (replace(FINE, engine=AWAY), engine_checks.check_disk, Level.NOTE),
        (replace(FINE, engine=AWAY), checks.check_environments, Level.NOTE),
        (replace(FINE, engine=EngineError("500")), engine_checks.check_engine, Level.PROBLEM),
        (replace(FINE, demo=True), engine_checks.check_engine, Level.NOTE),
        (replace(FINE, demo=True), gpu_checks.check_cdi, Level.NOTE),
        (replace(FINE, demo=True), gpu_checks.check_toolkit, Level.NOTE),
        (gpus(NO_DRIVER), gpu_checks.check_device_links, Level.NOTE),
        (replace(FINE, engine=AWAY), gpu_checks.check_device_links, Level.NOTE),
        (engine(details=SYSTEMD), gpu_checks.check_device_links, Level.OK),
        (
            replace(FINE, unlinked_devices=("/dev/nvidia0",)),
            gpu_checks.check_device_links,
            Level.OK,
        ),
        (replace(FINE, disk_free=None), engine_checks.check_disk, Level.NOTE),
        (gpus(NO_DRIVER, nvidia_devices=0), gpu_checks.check_driver, Level.NOTE),
        (gpus(NO_DRIVER, nvidia_devices=0), gpu_checks.check_nvml, Level.NOTE),
        (gpus(NO_DRIVER), gpu_checks.check_nvml, Level.NOTE),
        (gpus(NO_DRIVER), gpu_checks.check_cdi, Level.NOTE),
        (gpus(NO_DRIVER), gpu_checks.check_toolkit, Level.NOTE),
        (engine(cdi_devices=None, nvidia_runtime=True), gpu_checks.check_cdi, Level.OK),
        (replace(engine(cdi_devices=None), hook=True), gpu_checks.check_cdi, Level.OK),
        (runc("1.1.5+ds1"), engine_checks.check_runc, Level.NOTE),
        (runc("1.1.12-0ubuntu3.1"), engine_checks.check_runc, Level.NOTE),
        (runc(""), engine_checks.check_runc, Level.NOTE),
        (runc("1.2.8"), engine_checks.check_runc, Level.OK),
        (runc("1.4.1"), engine_checks.check_runc, Level.OK),
        (runc("2.0.0"), engine_checks.check_runc, Level.OK),
        (replace(FINE, toolkit="1.17.8"), gpu_checks.check_toolkit, Level.OK),
        (engine(api_version="1.41"), engine_checks.check_engine, Level.OK),
        (replace(FINE, run_root="/" + "x" * 90), checks.check_run_dir, Level.OK),
    ],
)
def test_what_is_no_problem(facts: Facts, check: object, level: Level) -> None:
    finding: Finding = check(facts)  # type: ignore[operator]
    assert finding.level is level
    assert finding.message


def test_a_problem_of_all_gpus_is_said_once() -> None:
    broken = tuple(replace(gpu, problem=UPGRADED) for gpu in GPUS.gpus)
    assert gpu_checks.check_nvml(gpus(replace(GPUS, gpus=broken))).message == UPGRADED.message


def test_every_check_has_a_name_of_its_own() -> None:
    names = [finding.name for finding in check_all(FINE)]
    assert len(set(names)) == len(names) == len(CHECKS)


def test_limits_that_the_engine_cannot_set() -> None:
    """A rootless engine: nothing to mend, but somebody will ask."""
    finding = engine_checks.check_limits(engine(details={"limits_left_out": "memlock,nofile"}))
    assert finding.level is Level.NOTE
    assert "locked memory" in finding.message
    assert "open files" in finding.message
    assert engine_checks.check_limits(replace(FINE, engine=AWAY)).level is Level.NOTE


def test_what_an_engine_does_not_do() -> None:
    """Podman: what kernels have to do without, each in words; nothing else is told."""
    finding = engine_checks.check_abilities(
        engine(name="Podman Engine", details={"degraded": "group_signals,log_size,unheard_of"})
    )
    assert finding.level is Level.NOTE
    assert finding.message.startswith("With Podman Engine: an interrupt reaches the kernel alone")
    assert finding.message.endswith("; logs of containers are not limited in size.")
    assert engine_checks.check_abilities(replace(FINE, engine=AWAY)).level is Level.NOTE


def test_every_degradation_has_its_words() -> None:
    podman = replace(ENGINE, name=PODMAN, cdi_devices=None, details={})
    assert set(degradations(podman)) == set(engine_checks.ABILITIES)
    assert degradations(ENGINE) == ()
    able = replace(ENGINE, name=PODMAN, details={"log_drivers": "local,k8s-file"})
    assert set(degradations(podman)) - set(degradations(able)) == {"log_size", "device_requests"}
