"""A rootless Docker, as a private engine: Debian's packages, run by an ordinary user.

The user is one of the mount namespace's alone: its ``passwd`` and ``subuid`` know them, the
machine's do not. It goes by what ``dockerd-rootless.sh`` does, but for slirp4netns: the network
has no way out.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engines import PrivateEngine

UID = GID = 62771
NAME = "jgc-rootless"
SUBORDINATE = 700000  # the first of the ids that are theirs in containers, besides their own
ACCOUNT = {
    "passwd": f"{NAME}:x:{UID}:{GID}::/nonexistent:/bin/sh",
    "group": f"{NAME}:x:{GID}:",
    "subuid": f"{NAME}:{SUBORDINATE}:65536",
    "subgid": f"{NAME}:{SUBORDINATE}:65536",
}
NEEDED = ("rootlesskit", "newuidmap")
# /run in its user's namespace shows what the machine's has; these would be taken for its own
FOREIGN = "rm -f /run/docker /run/containerd /run/docker.sock /run/xtables.lock"


class RootlessEngine(PrivateEngine):
    """A rootless dockerd; needs root and Debian's ``docker.io``, ``rootlesskit``, ``uidmap``."""

    def configure(self) -> None:
        """Write ``daemon.json`` and the account of the user whose engine it is."""
        for program in NEEDED:
            if shutil.which(program) is None:
                pytest.fail(f"no {program} here; `./run test` installs it", pytrace=False)
        super().configure()
        for name, line in ACCOUNT.items():
            here = Path("/etc", name)
            (self.folder / name).write_text(f"{here.read_text() if here.exists() else ''}{line}\n")
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.folder, runtime):
            os.chown(folder, UID, GID)
        self.env |= {"HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime), "USER": NAME}

    def mounts(self) -> Sequence[str]:
        """Return also what makes the user known."""
        return (
            f"mount -t tmpfs -o mode=700,uid={UID},gid={GID} tmpfs {self.folder}/data",
            *(f"mount --bind {self.folder}/{name} /etc/{name}" for name in ACCOUNT),
        )

    def as_user(self) -> tuple[str, ...]:
        """Return the command that runs another one as the user; in the engine's namespaces."""
        return ("setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups")

    def command(self) -> Sequence[str]:
        """Return the command line of the engine."""
        # a network namespace of its user's own: builds, too, then have a bridge
        arguments = [option for option in super().command() if option != "--bridge=none"]
        dockerd = shlex.join(["unshare", "--net", *arguments, "--rootless"])
        return (
            *self.as_user(),
            *("rootlesskit", f"--state-dir={self.folder}/runtime/rootlesskit"),
            *("--net=host", "--copy-up=/etc", "--copy-up=/run", "--propagation=rslave"),
            *("sh", "-c", f"{FOREIGN}; exec {dockerd}"),
        )

    def enter(self, folder: Path) -> tuple[str, ...]:
        """Return the command that runs another one in a folder and where the user is known."""
        assert self._namespaces is not None
        return ("nsenter", f"--target={self._namespaces.pid}", "--mount", f"--wdns={folder}", "--")

    def remove(self) -> None:
        """Remove also what a crashed engine left to nobody: its containers' shims."""
        super().remove()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended in this moment
                command = (folder / "cmdline").read_bytes()
                if f"{self.folder}/".encode() in command and folder.stat().st_uid == UID:
                    os.kill(int(folder.name), signal.SIGKILL)

    def limits(self, *names: str) -> list[int]:
        """Return its own soft and hard limits, named as in ``/proc/PID/limits``."""
        pid = (self.folder / "docker.pid").read_text()
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        found = {line[:26].strip(): line[26:].split()[:2] for line in lines}
        return [
            -1 if value == "unlimited" else int(value) for name in names for value in found[name]
        ]

    def make_folder(self) -> Path:
        """Return a new folder that the user's containers can share with a test that root runs.

        What is made in it belongs to the user's group, which with a umask of 002 may write.
        """
        folder = Path(tempfile.mkdtemp(prefix="jgc-rootless-"))
        os.chown(folder, UID, GID)
        folder.chmod(0o2775)
        return folder
