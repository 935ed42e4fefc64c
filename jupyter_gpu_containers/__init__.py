"""Run Jupyter kernels inside GPU containers: version and Jupyter's extension points."""

from typing import Any

try:
    from ._version import __version__
except ImportError:  # a checkout that was never built: _version.py is made from package.json
    __version__ = "0.0.0"

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where `jupyter labextension develop` finds the front end: source folder and its name."""
    return [{"src": "labextension", "dest": "jupyter-gpu-containers"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """The server extension, imported only when a server asks for it."""
    from .app import GpuContainersApp

    return [{"module": "jupyter_gpu_containers", "app": GpuContainersApp}]
