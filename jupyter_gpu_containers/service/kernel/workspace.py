"""Where a kernel may work: the workspace, mounted at the path that it has on the server."""

from __future__ import annotations

import os

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.model.kernel.container import Mount

# A mount over one of these would hide the image's own files.
SYSTEM_FOLDERS = frozenset(
    f"/{name}"
    for name in (
        "",
        *("bin", "boot", "dev", "etc", "home/kernel", "lib", "lib32", "lib64", "libx32", "opt"),
        *("proc", "run", "sbin", "sys", "usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin"),
        *("usr/local/lib", "usr/sbin", "usr/share", "var", "var/lib"),
    )
)


def resolve_workspace(root: str | None, working_dir: str | None) -> tuple[Mount, str]:
    """Return the workspace's mount and the kernel's working directory.

    Parameters
    ----------
    root : str, optional
        The workspace on the host: the server's root directory, or from configuration. Without one
        (papermill, console) it is the current directory, where that holds ``working_dir``, else
        ``working_dir`` itself.
    working_dir : str, optional
        The notebook's folder on the host; default: the root.

    Raises
    ------
    WorkspaceError
        The folder does not exist, lies outside the root (through a symbolic link, for instance), or
        is a system folder that would hide the image's own files.
    """
    here = os.getcwd()
    folder = os.path.abspath(os.path.expanduser(working_dir or root or here))
    if root is None:
        root = here if _inside(folder, here) and here not in SYSTEM_FOLDERS else folder
    root = os.path.abspath(os.path.expanduser(root))
    for path in (root, folder):
        if not os.path.isdir(path):
            raise WorkspaceError(
                f"The folder {path} does not exist.", "Create it, or open another."
            )
    if root in SYSTEM_FOLDERS:
        raise WorkspaceError(
            f"The workspace {root} cannot be mounted into a container: it would hide the image's "
            "own files.",
            "Start JupyterLab in a folder of your own, for example "
            '`mkdir -p "$HOME/notebooks" && jupyter lab --ServerApp.root_dir="$HOME/notebooks"`.',
            code="workspace_is_system_folder",
        )
    if not _inside(folder, root):
        raise WorkspaceError(
            f"The folder {folder} lies outside the workspace {root}.",
            "Move the notebook into the workspace.",
        )
    real_root = os.path.realpath(root)
    expected = os.path.join(real_root, os.path.relpath(folder, root))
    if os.path.realpath(folder) != os.path.normpath(expected):
        raise WorkspaceError(
            f"The folder {folder} is reached through a symbolic link, which would lead elsewhere "
            "inside the container.",
            "Open the notebook by its real path, or mount the folder by name "
            "(c.GpuContainers.data_mounts).",
            code="workspace_symlink",
        )
    return Mount(real_root, root), folder


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
