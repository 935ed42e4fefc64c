"""Podman's Docker-compatible socket, as a private engine: Debian's package, as root.

Where a machine mounts cgroup v1 and v2 side by side, crun, its default, refuses to start anything;
runc does not, and without systemd it makes the control groups itself: containers.conf(5).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engines import PrivateEngine

CONFIGURATION = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
init_path = "{init}"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{data}/root"
runroot = "{data}/run"
"""
TINI = Path(shutil.which("docker-init") or "/usr/bin/docker-init")  # of docker.io
CATATONIT = Path("/usr/libexec/podman/catatonit")
# what it keeps outside of its own folders
ELSEWHERE = ("/run/libpod", "/run/netns", "/var/lib/cni", "/var/lib/containers")


class PrivatePodman(PrivateEngine):
    """A Podman service in namespaces of its own; needs root and Debian's ``podman``, ``runc``.

    Parameters
    ----------
    init : Path
        What is the first process of containers; `CATATONIT` is Podman's own.
    """

    def __init__(self, *, init: Path = TINI) -> None:
        super().__init__()
        self.init = init

    def configure(self) -> None:
        """Write containers.conf and storage.conf."""
        if shutil.which("podman") is None:
            pytest.fail("no podman here; `./run test` installs it", pytrace=False)
        written = {
            "CONTAINERS_CONF": CONFIGURATION.format(init=self.init),
            "CONTAINERS_STORAGE_CONF": STORAGE.format(data=self.folder / "data"),
        }
        for variable, text in written.items():
            file = self.folder / variable.lower()
            file.write_text(text)
            self.env[variable] = str(file)

    def mounts(self) -> Sequence[str]:
        """Return also what hides the machine's own Podman, and dpkg from this one.

        It asks dpkg of its programs' packages whenever it is asked for its version.
        """
        hidden = [f"mkdir -p {folder} && mount -t tmpfs tmpfs {folder}" for folder in ELSEWHERE]
        if dpkg := shutil.which("dpkg-query"):
            hidden.append(f"mount --bind /bin/false {dpkg}")
        return (*super().mounts(), *hidden)

    def command(self) -> Sequence[str]:
        """Return the command line of the service."""
        return (
            "podman",
            f"--tmpdir={self.folder}/data/tmp",
            "system",
            "service",
            "--time=0",
            self.host,
        )

    def remove(self) -> None:
        """Remove also the control group that its containers were in, unless another's are there."""
        super().remove()
        for group in Path("/sys/fs/cgroup").glob("*/libpod_parent"):
            for folder in (group / "conmon", group):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        os.kill(self._process.pid, how)
        self._process.wait()
        self._process = None
        self.socket.unlink(missing_ok=True)
