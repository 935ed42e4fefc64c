"""What `doctor` says about GPUs, their driver, and how containers get them; pure functions."""

from __future__ import annotations

from dataclasses import replace

from jupyter_gpu_containers.errors import GpuContainersError
from jupyter_gpu_containers.model.gpu.device import Problem

from .findings import REPORT, Facts, Finding, Level, trouble, version_of

# NVIDIA Container Toolkit below this lets an image take over the host (CVE-2025-23266, CVSS 9.0)
OLDEST_TOOLKIT = (1, 17, 8)
INSTALL_TOOLKIT = (
    "sudo apt install nvidia-container-toolkit && sudo nvidia-ctk runtime configure "
    "--runtime=docker && sudo systemctl restart docker"
)
MAKE_CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"

OTHER_FIXES = {  # by code, where the hint has no command that can be pasted
    "driver_library_mismatch": "sudo reboot",
    "mig_without_instances": "sudo nvidia-smi mig -lgip",  # which sizes there are
    "cdi_outdated": MAKE_CDI,
    "gpu_lost": "sudo reboot",
}


def _of_problem(name: str, problem: Problem) -> Finding:
    return trouble(name, problem.message, problem.hint, OTHER_FIXES.get(problem.code, REPORT))


def check_driver(facts: Facts) -> Finding:
    """Where there is NVIDIA hardware, its driver works."""
    problem = facts.gpus.problem
    if facts.gpus.driver is not None:
        driver = facts.gpus.driver
        cuda = f", CUDA up to {driver.cuda_version}" if driver.cuda_version else ""
        return Finding("driver", Level.OK, f"NVIDIA driver {driver.version}{cuda}.")
    if problem is not None and problem.code == "driver_not_installed":
        if facts.nvidia_devices:
            return Finding(
                "driver",
                Level.PROBLEM,
                f"This machine has NVIDIA hardware ({facts.nvidia_devices}), but no driver for it.",
                "sudo apt install nvidia-driver",
            )
        return Finding("driver", Level.NOTE, "No NVIDIA hardware: kernels run on the CPU.")
    if problem is None or problem.code == "no_gpu":
        return Finding("driver", Level.NOTE, "No NVIDIA driver is needed.")
    return _of_problem("driver", problem)


def check_nvml(facts: Facts) -> Finding:
    """The driver's library lists GPUs, and all of them work."""
    broken = [gpu for gpu in facts.gpus.gpus if gpu.problem is not None]
    if broken:
        problems = [gpu.problem for gpu in broken if gpu.problem]
        messages = " ".join(dict.fromkeys(problem.message for problem in problems))
        return _of_problem("nvml", replace(problems[0], message=messages))
    problem = facts.gpus.problem
    if problem is not None and facts.gpus.driver is None:  # check_driver says what to do
        return Finding("nvml", Level.NOTE, problem.message)
    if problem is not None:
        return _of_problem("nvml", problem)
    names = [gpu.name for gpu in facts.gpus.gpus]
    counted = ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names))
    return Finding("nvml", Level.OK, f"{counted or 'No GPU'}.")


def check_cdi(facts: Facts) -> Finding:
    """Containers can be given every GPU, by CDI or by the older runtime hook."""
    gpus = [gpu for gpu in facts.gpus.gpus if gpu.problem is None]
    if not gpus:
        return Finding("cdi", Level.NOTE, "Not needed without a GPU.")
    if isinstance(facts.engine, GpuContainersError):
        return Finding("cdi", Level.NOTE, "Not known: the engine does not answer.")
    if facts.demo:
        return Finding("cdi", Level.NOTE, "Not needed in a demonstration.")
    listed = {name.partition("=")[2] for name in facts.engine.cdi_devices or ()}
    missing = [gpu.uuid for gpu in gpus if gpu.uuid not in listed]
    if not missing:
        return Finding("cdi", Level.OK, f"The engine lists {len(gpus)} GPUs as CDI devices.")
    if facts.engine.nvidia_runtime or facts.hook:
        return Finding("cdi", Level.OK, "GPUs are given to containers by NVIDIA's runtime hook.")
    if facts.engine.cdi_devices is None:
        return Finding(
            "cdi",
            Level.PROBLEM,
            "This engine can give no GPU to a container: it has neither CDI nor NVIDIA's hook.",
            INSTALL_TOOLKIT,
        )
    return Finding(
        "cdi", Level.PROBLEM, f"The engine lists no CDI device for {', '.join(missing)}.", MAKE_CDI
    )


def check_device_links(facts: Facts) -> Finding:
    """Containers keep their GPUs when systemd reloads its units."""
    if not facts.gpus.gpus or facts.demo or isinstance(facts.engine, GpuContainersError):
        return Finding("device links", Level.NOTE, "Not needed without a GPU and an engine.")
    if facts.engine.details.get("cgroup_driver") != "systemd":
        return Finding("device links", Level.OK, "Not needed: systemd does not manage containers.")
    if facts.unlinked_devices:
        return Finding(
            "device links",
            Level.PROBLEM,
            f"{', '.join(facts.unlinked_devices)} have no links in /dev/char: kernels lose their "
            "GPUs when somebody runs `systemctl daemon-reload`.",
            "sudo nvidia-ctk system create-dev-char-symlinks --create-all",
        )
    return Finding("device links", Level.OK, "Kernels keep their GPUs over a daemon-reload.")


def check_toolkit(facts: Facts) -> Finding:
    """NVIDIA's container toolkit is there and has no known hole."""
    if not facts.gpus.gpus or facts.demo:
        return Finding("toolkit", Level.NOTE, "Not needed without a GPU.")
    if facts.toolkit is None:
        return Finding(
            "toolkit",
            Level.PROBLEM,
            "NVIDIA's container toolkit is not installed (nvidia-ctk was not found).",
            INSTALL_TOOLKIT,
        )
    if version_of(facts.toolkit) < OLDEST_TOOLKIT:
        return Finding(
            "toolkit",
            Level.PROBLEM,
            f"NVIDIA's container toolkit {facts.toolkit} is older than 1.17.8: an image can take "
            "over this machine (CVE-2025-23266).",
            "sudo apt update && sudo apt install --only-upgrade nvidia-container-toolkit",
        )
    return Finding("toolkit", Level.OK, f"NVIDIA's container toolkit {facts.toolkit}.")
