"""A Docker-compatible engine behind its socket: `DockerBackend`."""

from .backend import DockerBackend

__all__ = ["DockerBackend"]
