"""Container engines of a test's own: started, stopped, killed and restarted at will.

They never touch the machine's engine: own data, socket and containerd, in a network and a mount
namespace of their own. (A second dockerd without a bridge in the host's network namespace would
delete the first one's ``docker0``; and mounts in a namespace of its own vanish with it.)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.canaries import SUITE
from tests.canary_listener import SUITE_LISTENER
from tests.kept import keep, key_of
from tests.waiting import wait_until

START_TIMEOUT = 60.0


class PrivateEngine:
    """A Docker engine in namespaces of its own; needs root and Debian's ``docker.io``.

    Parameters
    ----------
    path_prefix : Path, optional
        Folder that comes first on the engine's PATH.
    env : mapping
        Additions to the engine's environment, which its hooks and runtimes inherit.
    config : mapping
        What its ``daemon.json`` says.
    """

    def __init__(
        self,
        *,
        path_prefix: Path | None = None,
        env: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if os.geteuid() != 0:
            pytest.fail("a private engine needs root; see CONTRIBUTING", pytrace=False)
        # a short path: the name of a Unix socket has at most 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="jgc-engine-"))
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.config = dict(config or {})
        self.env = dict(env or {})
        self.path = f"{path_prefix}:{os.environ['PATH']}" if path_prefix else os.environ["PATH"]
        self.log = self.folder / "dockerd.log"
        (self.folder / "data").mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._namespaces: subprocess.Popen[bytes] | None = None  # keeps them over restarts

    def start(self) -> PrivateEngine:
        """Start the engine and return when it answers."""
        self.configure()
        if self._namespaces is None:
            self._namespaces = self._make_namespaces()
        enter = ["nsenter", f"--target={self._namespaces.pid}", "--net", "--mount", "--"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*enter, *self.command()],
                env=SUITE.without(os.environ) | self.env | {"PATH": self.path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: self._answers() or self._ended(), START_TIMEOUT)
        if not self._answers():
            pytest.fail(f"no engine: {self.log.read_text()[-2000:]}", pytrace=False)
        SUITE_LISTENER.listen(self.host)
        return self

    def configure(self) -> None:
        """Write the engine's configuration; before each start."""
        (self.folder / "daemon.json").write_text(json.dumps(self.config))

    def mounts(self) -> Sequence[str]:
        """Return shell commands that prepare the engine's mount namespace."""
        # In memory: images come and go twice as fast, and vanish with the namespace. A restart
        # keeps them.
        return (f"mount -t tmpfs tmpfs {self.folder}/data",)

    def command(self) -> Sequence[str]:
        """Return the command line of the engine."""
        return (
            "dockerd",
            f"--config-file={self.folder}/daemon.json",
            f"--host={self.host}",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/exec",
            f"--pidfile={self.folder}/docker.pid",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        )

    def client(self) -> docker.DockerClient:
        """Return a client, to be closed by the caller."""
        return docker.DockerClient(base_url=self.host, timeout=120)

    def begin_with(self, *images: str, source: str) -> None:
        """Have images of another engine, named by its DOCKER_HOST, from the first start on.

        Their files are copied as a dockerd has unpacked them: a tenth of the work of `load`.
        """
        assert self._namespaces is None, "it was started already"
        store = _store(images, source)
        self._namespaces = self._make_namespaces()
        self._run_inside("cp", "-a", f"{store}/.", f"{self.folder}/data")

    def load(self, *images: str, source: str) -> None:
        """Copy images from another engine, named by its DOCKER_HOST, while this one runs."""
        with closing(docker.APIClient(source)) as origin, closing(self.client()) as target:
            # one request for all, so that layers in common travel once
            url = f"{origin.base_url}/images/get"
            archive = origin.get(url, params={"names": images}, stream=True, timeout=120)
            archive.raise_for_status()
            answers = target.api.load_image(archive.iter_content(2**20))
            assert not [answer for answer in answers if "errorDetail" in answer]
            for image in images:
                target.images.get(image)

    @property
    def network(self) -> str:
        """The file that names its network namespace; there once it was started."""
        assert self._namespaces is not None
        return f"/proc/{self._namespaces.pid}/ns/net"

    def remove_containers(self) -> None:
        """Kill and remove every container."""
        with closing(self.client()) as client:
            for container in client.containers.list(all=True):
                container.remove(force=True, v=True)

    def stop(self) -> None:
        """End the engine in order; it kills its containers, which stay for `start`."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Stop and start, with what `config` and `env` say now."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the engine as a crash does; running containers go on without it."""
        self._end(signal.SIGKILL)

    def power_off(self) -> None:
        """End everything at once, as when the machine loses its power; data alone is left.

        Nobody gets a chance to write down that containers end: the engine goes first. Mounts and
        what was below ``/run`` are gone, as after a start of the machine.
        """
        assert self._process is not None
        assert self._namespaces is not None
        tree = self._processes()
        for pid in tree:
            with contextlib.suppress(ProcessLookupError):  # it ended in this moment
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        if not wait_until(lambda: not any(map(_lives, tree)), START_TIMEOUT):
            pytest.fail("processes of the engine do not end", pytrace=False)
        unmount = (
            f"cut -d' ' -f2 /proc/self/mounts | grep -E '^{self.folder}/(data|exec)/' "
            "| sort -r | xargs -r umount --lazy"
        )
        self._run_inside("sh", "-c", unmount)
        shutil.rmtree(self.folder / "exec")
        for file in (self.folder / "docker.pid", self.socket):
            file.unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """Return the engine's processes and those of its containers, parents first."""
        assert self._namespaces is not None
        here = os.readlink(f"/proc/{self._namespaces.pid}/ns/mnt")
        parents, found = {}, []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                pid = int(folder.name)
                parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if os.readlink(folder / "ns" / "mnt") == here and pid != self._namespaces.pid:
                    found.append(pid)
            except OSError:  # it ended in this moment
                continue
        assert self._process is not None
        found.sort(key=lambda pid: pid != self._process.pid)  # type: ignore[union-attr]
        for pid in found:  # grows: containers have mount namespaces of their own
            found += [child for child, above in parents.items() if above == pid]
        return list(dict.fromkeys(found))

    def remove(self) -> None:
        """End the engine and everything it made: containers, processes, mounts, files."""
        if self._process is None and self._namespaces is not None:
            self.start()  # only an engine can end its containers in order
        if self._process is not None:
            self.remove_containers()
            self.stop()
        if self._namespaces is not None:
            self._namespaces.kill()
            self._namespaces.wait()
        shutil.rmtree(self.folder)

    def _run_inside(self, *command: str) -> None:
        """Run a command where the engine's own mounts are seen."""
        assert self._namespaces is not None
        enter = ["nsenter", f"--target={self._namespaces.pid}", "--mount", "--"]
        subprocess.run([*enter, *command], check=True)

    def _make_namespaces(self) -> subprocess.Popen[bytes]:
        script = "; ".join([*self.mounts(), "echo", "exec sleep infinity"])
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-ec", script],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout
        with process.stdout:
            if process.stdout.readline() != b"\n":
                pytest.fail("no namespaces for an engine", pytrace=False)
        return process

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 OK" in connection.recv(100)
            except OSError:
                return False

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        pid_files = [self.folder / "docker.pid", self.folder / "exec/containerd/containerd.pid"]
        pids = [int(file.read_text()) for file in pid_files]
        descriptors = [os.pidfd_open(pid) for pid in pids]
        os.kill(pids[0], how)
        # A new dockerd would rely on the old containerd, which ends a bit later than its dockerd,
        # and may be a zombie even then: hence no process ids are left behind.
        for descriptor in descriptors:
            select.select([descriptor], [], [])
            os.close(descriptor)
        for file in pid_files:
            file.unlink(missing_ok=True)
        self._process.wait()
        self._process = None


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _store(images: Sequence[str], source: str) -> Path:
    """Return a folder with what a dockerd has of these images below its data root, kept."""
    with closing(docker.APIClient(source)) as origin:
        ids = [origin.inspect_image(image)["Id"] for image in images]
    version = subprocess.run(["dockerd", "--version"], capture_output=True, text=True, check=True)

    def make(folder: Path) -> None:
        engine = PrivateEngine()
        try:
            engine.start().load(*images, source=source)
            engine.stop()
            for name in ("image", "overlay2"):
                engine._run_inside("cp", "-a", f"{engine.folder}/data/{name}", str(folder))
        finally:
            engine.remove()

    name = re.sub(r"[^\w.-]+", "-", "+".join(images))
    return keep(f"store-{name}", key_of(version.stdout, *ids), make)
