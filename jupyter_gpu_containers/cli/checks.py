"""What `doctor` says about the facts: pure functions, each a finding with its fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from jupyter_gpu_containers.errors import EnginePermissionError, GpuContainersError
from jupyter_gpu_containers.model.gpu.device import GpuSnapshot, Problem
from jupyter_gpu_containers.model.kernel.container import EngineInfo
from jupyter_gpu_containers.model.kernel.ending import format_bytes

OLDEST_API = (1, 41)  # Docker 20.10; Podman 4 speaks it too
# NVIDIA Container Toolkit below this lets an image take over the host (CVE-2025-23266, CVSS 9.0)
OLDEST_TOOLKIT = (1, 17, 8)
# runc below these lets an image take over the host (CVE-2025-31133, -52565, -52881)
PATCHED_RUNC = ((1, 2, 8), (1, 3, 3), (1, 4, 0))
ENOUGH_DISK = 20 << 30  # bytes; one image with CUDA and a framework unpacks to about that
LONGEST_SOCKET = 107  # bytes of a Unix socket's path (unix(7))
SOCKET_IN_RUN_DIR = "/tmpXXXXXXXX/k-5"  # how kernel.seats names the longest one

INSTALL_TOOLKIT = (
    "sudo apt install nvidia-container-toolkit && sudo nvidia-ctk runtime configure "
    "--runtime=docker && sudo systemctl restart docker"
)
MAKE_CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


class Level(str, Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # not perfect, or not known; nothing has to be done
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    name: str
    level: Level
    message: str
    fix: str = ""  # a command to paste, where there is one


@dataclass(frozen=True)
class Facts:
    """All that the checks look at; read once, by `doctor`."""

    engine: EngineInfo | GpuContainersError
    demo: bool = False
    gpus: GpuSnapshot = field(default_factory=GpuSnapshot)
    nvidia_devices: int = 0  # display controllers of NVIDIA on the PCI bus
    toolkit: str | None = None  # version that nvidia-ctk prints
    hook: bool = False  # nvidia-container-runtime-hook is installed
    unlinked_devices: tuple[str, ...] = ()  # nodes of NVIDIA's without a link in /dev/char
    disk_free: int | None = None  # bytes where the engine keeps images; None = not on this machine
    run_root: str = ""
    run_root_problem: Problem | None = None  # cannot be written, or is not private
    workspace: str = ""
    workspace_problem: Problem | None = None
    left_behind: tuple[str, ...] = ()  # ids of containers whose server is gone
    broken_environments: tuple[tuple[str, Problem], ...] = ()  # by name
    server_extension: bool = True  # enabled in Jupyter Server's configuration
    lab_extension: bool | None = True  # None: its files are not installed; False: disabled


def check_all(facts: Facts) -> list[Finding]:
    """Run every check."""
    return [check(facts) for check in CHECKS]


def check_engine(facts: Facts) -> Finding:
    """An engine answers, and is new enough."""
    engine = facts.engine
    if isinstance(engine, EnginePermissionError):
        return Finding("engine", Level.NOTE, "There is one, but it cannot be asked.")
    if isinstance(engine, GpuContainersError):
        return Finding("engine", Level.PROBLEM, engine.message, engine.hint)
    if facts.demo:
        return Finding(
            "engine", Level.NOTE, "Demonstration: kernels are local processes, not containers."
        )
    name = f"{engine.name} {engine.version}, API {engine.api_version}"
    if _version(engine.api_version) < OLDEST_API:
        return Finding(
            "engine",
            Level.PROBLEM,
            f"{name} is too old: API 1.41 (Docker 20.10, Podman 4) is needed.",
            "sudo apt update && sudo apt install docker.io",
        )
    return Finding("engine", Level.OK, f"{name}.")


def check_permission(facts: Facts) -> Finding:
    """This user may speak to the engine."""
    if isinstance(facts.engine, EnginePermissionError):
        return Finding("permission", Level.PROBLEM, facts.engine.message, facts.engine.hint)
    if isinstance(facts.engine, GpuContainersError):
        return Finding("permission", Level.NOTE, "Not known: the engine does not answer.")
    return Finding("permission", Level.OK, "You may use the engine.")


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
    return Finding("driver", Level.PROBLEM, problem.message, problem.hint)


def check_nvml(facts: Facts) -> Finding:
    """The driver's library lists GPUs, and all of them work."""
    broken = [gpu for gpu in facts.gpus.gpus if gpu.problem is not None]
    if broken:
        problems = [gpu.problem for gpu in broken if gpu.problem]
        messages = " ".join(dict.fromkeys(problem.message for problem in problems))
        return Finding("nvml", Level.PROBLEM, messages, problems[0].hint)
    problem = facts.gpus.problem
    if problem is not None and facts.gpus.driver is None:  # check_driver says what to do
        return Finding("nvml", Level.NOTE, problem.message)
    if problem is not None:
        return Finding("nvml", Level.PROBLEM, problem.message, problem.hint)
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
    if _version(facts.toolkit) < OLDEST_TOOLKIT:
        return Finding(
            "toolkit",
            Level.PROBLEM,
            f"NVIDIA's container toolkit {facts.toolkit} is older than 1.17.8: an image can take "
            "over this machine (CVE-2025-23266).",
            "sudo apt update && sudo apt install --only-upgrade nvidia-container-toolkit",
        )
    return Finding("toolkit", Level.OK, f"NVIDIA's container toolkit {facts.toolkit}.")


def check_runc(facts: Facts) -> Finding:
    """The program that starts containers has no known hole, as far as its version tells."""
    version = (
        "" if isinstance(facts.engine, GpuContainersError) else facts.engine.details.get("runc")
    )
    if not version:
        return Finding("runc", Level.NOTE, "Not known: the engine does not tell.")
    number = _version(version)
    if any(number[:2] == fixed[:2] and number >= fixed for fixed in PATCHED_RUNC) or (
        number >= PATCHED_RUNC[-1]
    ):
        return Finding("runc", Level.OK, f"runc {version}.")
    if re.search(r"[+~](?:ds|deb|dfsg)|ubuntu", version):
        return Finding(
            "runc",
            Level.NOTE,
            f"runc {version}: your distribution mends it without changing this number; "
            "keep it up to date.",
        )
    return Finding(
        "runc",
        Level.PROBLEM,
        f"runc {version} lets an image take over this machine (CVE-2025-31133, CVE-2025-52565, "
        "CVE-2025-52881).",
        "sudo apt update && sudo apt install --only-upgrade containerd.io runc",
    )


LIMITS = {
    "memlock": "locked memory (some libraries for several GPUs need it)",
    "nofile": "open files",
    "memory": "memory",
    "swap": "swap",
    "pids": "processes",
}


def check_limits(facts: Facts) -> Finding:
    """The engine sets every limit of a kernel's container."""
    if isinstance(facts.engine, GpuContainersError):
        return Finding("limits", Level.NOTE, "Not known: the engine does not answer.")
    left_out = facts.engine.details.get("limits_left_out", "").split(",")
    words = [LIMITS[name] for name in left_out if name in LIMITS]
    if not words:
        return Finding("limits", Level.OK, "Every limit of a container can be set.")
    return Finding(
        "limits",
        Level.NOTE,
        f"This engine cannot set a container's own limit of {', '.join(words)}: kernels have the "
        "engine's.",
    )


def check_disk(facts: Facts) -> Finding:
    """There is room for an image."""
    if isinstance(facts.engine, GpuContainersError) or facts.disk_free is None:
        return Finding("disk", Level.NOTE, "Not known: the engine's folder is not on this machine.")
    where = f"{format_bytes(facts.disk_free)} are free in {facts.engine.root_dir}"
    if facts.disk_free < ENOUGH_DISK:
        return Finding(
            "disk",
            Level.PROBLEM,
            f"{where}; an image with CUDA and a framework needs {format_bytes(ENOUGH_DISK)}.",
            "docker system df; docker image prune",
        )
    return Finding("disk", Level.OK, f"{where}.")


def check_run_dir(facts: Facts) -> Finding:
    """Sockets can be made in the run directory."""
    longest = len((facts.run_root + SOCKET_IN_RUN_DIR).encode())
    if longest > LONGEST_SOCKET:
        return Finding(
            "run directory",
            Level.PROBLEM,
            f"{facts.run_root} is too long a path: a socket in it would have {longest} bytes, and "
            f"{LONGEST_SOCKET} are allowed.",
            'Set c.GpuContainers.run_dir = "/tmp/jupyter-gpu" in jupyter_gpu_containers_config.py.',
        )
    if facts.run_root_problem is not None:
        problem = facts.run_root_problem
        return Finding("run directory", Level.PROBLEM, problem.message, problem.hint)
    return Finding("run directory", Level.OK, f"{facts.run_root}.")


def check_workspace(facts: Facts) -> Finding:
    """The workspace can be mounted."""
    if facts.workspace_problem is not None:
        problem = facts.workspace_problem
        return Finding("workspace", Level.PROBLEM, problem.message, problem.hint)
    return Finding("workspace", Level.OK, f"{facts.workspace}, for kernels started from here.")


def check_left_behind(facts: Facts) -> Finding:
    """No container holds GPUs for a server that is gone."""
    count = len(facts.left_behind)
    if count:
        return Finding(
            "left behind",
            Level.PROBLEM,
            f"{count} container{'s' if count > 1 else ''} of servers that are gone.",
            "jupyter gpu-containers stop " + " ".join(one[:12] for one in facts.left_behind),
        )
    return Finding("left behind", Level.OK, "No container was left behind.")


def check_environments(facts: Facts) -> Finding:
    """Every environment can be started."""
    if isinstance(facts.engine, GpuContainersError):
        return Finding("environments", Level.NOTE, "Not known: the engine does not answer.")
    if facts.broken_environments:
        name, problem = facts.broken_environments[0]
        others = len(facts.broken_environments) - 1
        more = f" And {others} more cannot be started." * bool(others)
        return Finding(
            "environments", Level.PROBLEM, f"{name}: {problem.message}{more}", problem.hint
        )
    return Finding("environments", Level.OK, "All environments can be started.")


def check_server_extension(facts: Facts) -> Finding:
    """Jupyter Server loads the extension."""
    if not facts.server_extension:
        return Finding(
            "server extension",
            Level.PROBLEM,
            "Jupyter Server does not load the extension.",
            "jupyter server extension enable jupyter_gpu_containers",
        )
    return Finding("server extension", Level.OK, "Enabled.")


def check_lab_extension(facts: Facts) -> Finding:
    """JupyterLab loads the extension."""
    if facts.lab_extension is None:
        return Finding(
            "lab extension",
            Level.PROBLEM,
            "JupyterLab's part is not installed.",
            "pip install --force-reinstall jupyter_gpu_containers",
        )
    if not facts.lab_extension:
        return Finding(
            "lab extension",
            Level.PROBLEM,
            "JupyterLab's part is disabled.",
            "jupyter labextension enable jupyter-gpu-containers",
        )
    return Finding("lab extension", Level.OK, "Enabled.")


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version; () where there are none."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


CHECKS: Sequence[Callable[[Facts], Finding]] = (
    check_engine,
    check_permission,
    check_driver,
    check_nvml,
    check_cdi,
    check_device_links,
    check_toolkit,
    check_runc,
    check_limits,
    check_disk,
    check_run_dir,
    check_workspace,
    check_left_behind,
    check_environments,
    check_server_extension,
    check_lab_extension,
)
