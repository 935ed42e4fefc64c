"""What `doctor` says about the facts: pure functions, each a finding with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_gpu_containers.errors import GpuContainersError

from .engine_checks import (
    check_abilities,
    check_disk,
    check_engine,
    check_limits,
    check_permission,
    check_runc,
)
from .findings import Facts, Finding, Level, trouble
from .gpu_checks import check_cdi, check_device_links, check_driver, check_nvml, check_toolkit

LONGEST_SOCKET = 107  # bytes of a Unix socket's path (unix(7))
SOCKET_IN_RUN_DIR = "/tmpXXXXXXXX/k-5"  # how kernel.seats names the longest one

SHORT_RUN_DIR = (
    """mkdir -p "$(jupyter --config-dir)" && """
    """echo "c.GpuContainers.run_dir = '/tmp/jupyter-gpu-$(id -un)'" """
    '>> "$(jupyter --config-dir)/jupyter_gpu_containers_config.py"'
)
NEW_WORKSPACE = 'mkdir -p "$HOME/notebooks" && cd "$HOME/notebooks" && jupyter lab'


def check_all(facts: Facts) -> list[Finding]:
    """Run every check."""
    return [check(facts) for check in CHECKS]


def check_server(facts: Facts) -> list[Finding]:
    """Run the checks of a running server."""
    return [check(facts) for check in SERVER_CHECKS]


def check_run_dir(facts: Facts) -> Finding:
    """Sockets can be made in the run directory."""
    longest = len((facts.run_root + SOCKET_IN_RUN_DIR).encode())
    if longest > LONGEST_SOCKET:
        return Finding(
            "run directory",
            Level.PROBLEM,
            f"{facts.run_root} is too long a path: a socket in it would have {longest} bytes, and "
            f"{LONGEST_SOCKET} are allowed.",
            SHORT_RUN_DIR,
        )
    if facts.run_root_problem is not None:
        problem = facts.run_root_problem
        return trouble("run directory", problem.message, problem.hint, SHORT_RUN_DIR)
    return Finding("run directory", Level.OK, f"{facts.run_root}.")


def check_workspace(facts: Facts) -> Finding:
    """The workspace can be mounted."""
    if facts.workspace_problem is not None:
        problem = facts.workspace_problem
        return trouble("workspace", problem.message, problem.hint, NEW_WORKSPACE)
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
        otherwise = f"jupyter gpu-containers environments remove {name}"
        return trouble("environments", f"{name}: {problem.message}{more}", problem.hint, otherwise)
    return Finding("environments", Level.OK, "All environments can be started.")


def check_server_extension(facts: Facts) -> Finding:
    """Jupyter Server loads the extension."""
    # Jupyter enables it in the Python environment
    jupyter = "jupyter" if facts.own_python else 'sudo "$(command -v jupyter)"'
    if not facts.server_extension:
        return Finding(
            "server extension",
            Level.PROBLEM,
            "Jupyter Server does not load the extension.",
            f"{jupyter} server extension enable jupyter_gpu_containers",
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
            "jupyter labextension enable jupyter-gpu-containers --level=user",
        )
    return Finding("lab extension", Level.OK, "Enabled.")


# what a running server tells its pages: what it mends itself, or shows elsewhere, is left out
SERVER_CHECKS: Sequence[Callable[[Facts], Finding]] = (
    check_engine,
    check_permission,
    check_driver,
    check_nvml,
    check_cdi,
    check_device_links,
    check_toolkit,
    check_runc,
    check_limits,
    check_abilities,
    check_disk,
    check_run_dir,
    check_workspace,
)
CHECKS: Sequence[Callable[[Facts], Finding]] = (
    *SERVER_CHECKS,
    check_left_behind,
    check_environments,
    check_server_extension,
    check_lab_extension,
)
