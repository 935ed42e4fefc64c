"""A kernel's place on the host: its run directory, its home, and the folder it works in."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import zmq

from jupyter_gpu_containers.errors import WorkspaceError
from jupyter_gpu_containers.model.kernel.container import Mount
from jupyter_gpu_containers.model.kernel.launch import HOSTS_FILE, Caller, Seat
from jupyter_gpu_containers.runtime.keeper_link import make_pipes
from jupyter_gpu_containers.service.recovery.crashpoints import reached

from . import owner
from .workspace import resolve_workspace

OWNER_FILE = "owner"
NOTHING = "nothing"
UNFINISHED = ".of "  # before the name of the process that makes or removes a folder
SOCKET_NAME = "k"  # jupyter_client appends "-1" … "-5"
HOSTS = "127.0.0.1\tlocalhost kernel\n::1\tlocalhost ip6-localhost ip6-loopback\n"


class Seats:
    """Gives every kernel its folders and clears them away afterwards.

    Parameters
    ----------
    run_root : Path
        Short (a Unix socket's path has at most 107 bytes), on a local file system.
    home_root : Path
        Where homes are made; may be large, so not in memory.
    workspace : str, optional
        The server's root directory; None = where the client stands.
    env_names : sequence of str
        The only variables of the client's environment that reach a kernel.
    private : sequence of Path
        Folders that no kernel may see, although the workspace may contain them.
    kept : bool
        Containers are to outlive their kernels where these are restarted.
    """

    def __init__(
        self,
        *,
        run_root: Path,
        home_root: Path,
        caller: Caller,
        workspace: str | None = None,
        env_names: Sequence[str] = (),
        private: Sequence[Path] = (),
        kept: bool = False,
        log: logging.Logger | None = None,
    ) -> None:
        self.run_root = run_root
        self.home_root = home_root
        self.caller = caller
        self.workspace = workspace
        self.env_names = frozenset(env_names)
        self._private = tuple(private)
        self._kept = kept
        self._owner = str(owner.Owner.current())
        self.server = ""  # the Jupyter server that kernels belong to, see `server_id`
        self._taken: dict[str, Seat] = {}  # by run directory
        self._log = log or logging.getLogger(__name__)

    def take(
        self,
        kernel_id: str,
        *,
        working_dir: str | None,
        env: Mapping[str, str],
        own_env: Mapping[str, str],
        notebook: str = "",
    ) -> Seat:
        """Make the folders of one kernel.

        Parameters
        ----------
        env : mapping
            The client's environment; reduced to the allow-list.
        own_env : mapping
            What the kernelspec itself sets; passed on whole.

        Raises
        ------
        WorkspaceError
            See `resolve_workspace`; or the run directory is not private, too long a path, or
            cannot be made.
        """
        workspace, folder = resolve_workspace(self.workspace, working_dir)
        reached("seat.take")
        run_dir, home_dir = self._make_folders(kernel_id)
        reached("seat.taken")
        seat = Seat(
            kernel_id=kernel_id,
            caller=self.caller,
            owner=self._owner,
            workspace=workspace,
            working_dir=folder,
            run_dir=run_dir,
            home_dir=home_dir,
            notebook=notebook,
            hidden=self._hidden(workspace, run_dir),
            nothing=os.path.join(os.path.dirname(home_dir), NOTHING),
            server=self.server,
            env={**{k: v for k, v in env.items() if k in self.env_names}, **own_env},
        )
        self._taken[run_dir] = seat
        return seat

    def retake(
        self,
        seat: Seat,
        *,
        working_dir: str | None,
        env: Mapping[str, str],
        own_env: Mapping[str, str],
        notebook: str = "",
    ) -> Seat:
        """Give a place that was taken ahead to the kernel that it waited for; see `take`.

        Raises
        ------
        WorkspaceError
            See `resolve_workspace`.
        """
        workspace, folder = resolve_workspace(self.workspace, working_dir)
        seat = replace(
            seat,
            workspace=workspace,
            working_dir=folder,
            notebook=notebook,
            hidden=self._hidden(workspace, seat.run_dir),
            server=self.server,
            env={**{k: v for k, v in env.items() if k in self.env_names}, **own_env},
        )
        self._taken[seat.run_dir] = seat
        return seat

    @property
    def taken(self) -> list[Seat]:
        """The places that this process has taken and not left; none in a process forked from it."""
        if str(owner.Owner.current()) != self._owner:
            return []
        return list(self._taken.values())

    def below_workspace(self, path: str) -> str:
        """Return a path relative to the workspace; as it is where it does not lie there."""
        if not path or not self.workspace:
            return path
        relative = os.path.relpath(path, self.workspace)
        return path if relative.startswith("..") else relative

    def leave(self, seat: Seat) -> None:
        """Remove a kernel's folders; the workspace stays as it is."""
        self._taken.pop(seat.run_dir, None)
        reached("seat.leave")
        self._clear(seat.run_dir)
        reached("seat.left")
        self._clear(os.path.dirname(seat.home_dir))

    def adopt(self, seat: Seat) -> Seat:
        """Take a place over from a process that has died.

        Raises
        ------
        WorkspaceError
            A folder of it cannot be written any more.
        """
        seat = replace(seat, owner=self._owner)
        for folder in (seat.run_dir, os.path.dirname(seat.home_dir)):
            reached("seat.adopt")
            write_anew(folder, OWNER_FILE, self._marker(seat.kernel_id).encode())
        self._taken[seat.run_dir] = seat
        return seat

    def sweep(self, in_use: Collection[str]) -> None:
        """Remove the folders of kernels whose process is certainly dead.

        Those alone that were made from our own data directory: servers of a user may have others,
        or another engine, and then only they know which of their kernels run on.

        Parameters
        ----------
        in_use : collection of str
            Ids of kernels whose containers are still there, whoever drives them.
        """
        for root in (self.run_root, self.home_root):  # either may outlive the other
            for marker in root.glob(f"*/{OWNER_FILE}"):
                try:
                    lines = _read_plain(marker).split("\n")
                except OSError:  # its owner is removing it now
                    continue
                whose, kernel_id, made_from = (*lines, "", "")[:3]
                ours = made_from in ("", self._made_from)
                if ours and kernel_id not in in_use and owner.is_dead(whose, running=False):
                    self._clear(str(marker.parent))
            for folder in root.glob(f"{UNFINISHED}*"):
                whose = folder.name.removeprefix(UNFINISHED).partition(" ")[0]
                if owner.is_dead(whose.replace("~", "/"), running=False):
                    self._remove(str(folder))

    def _marker(self, kernel_id: str) -> str:
        """Return what stands in each folder: who drives the kernel, which one, made from where."""
        return f"{self._owner}\n{kernel_id}\n{self._made_from}"

    @property
    def _made_from(self) -> str:
        return os.path.realpath(self.home_root)

    def _make_folders(self, kernel_id: str) -> tuple[str, str]:
        """Make a run directory and a home, each beside the name of who drives the kernel."""
        made: list[str] = []
        try:
            for root in (self.run_root, self.home_root):
                self._make_private(root)
                # by its real path: a container's mounts are checked against links after its start
                made.append(self._make_folder(os.path.realpath(root), kernel_id))
            run_dir, home_dir = made[0], os.path.join(made[1], "home")
            Path(run_dir, HOSTS_FILE).write_text(HOSTS)
            os.mkdir(home_dir, mode=0o700)
            os.mkdir(os.path.join(made[1], NOTHING), mode=0o555)
            for path in (run_dir, home_dir):
                os.chown(path, self.caller.uid, self.caller.gid)
            if self._kept:
                make_pipes(run_dir, (self.caller.uid, self.caller.gid))
            self._check_length(run_dir)
        except OSError as exc:
            self._clear(*made)
            raise WorkspaceError(
                f"The kernel's own folder cannot be made: {exc.strerror} ({exc.filename}).",
                "See that there is room on the disk and that this folder is yours, or set "
                "c.GpuContainers.run_dir elsewhere.",
                code="run_dir_unusable",
            ) from exc
        except WorkspaceError:
            self._clear(*made)
            raise
        return run_dir, home_dir

    def _make_folder(self, root: str, kernel_id: str) -> str:
        """Make a folder that has its marker as soon as it has its name: a process may end here."""
        unfinished = tempfile.mkdtemp(prefix=self._unfinished, dir=root)
        try:
            reached("seat.folder")
            Path(unfinished, OWNER_FILE).write_text(self._marker(kernel_id))
            folder = os.path.join(root, f"tmp{unfinished.rpartition(' ')[2]}")
            os.rename(unfinished, folder)
        except BaseException:
            self._remove(unfinished)
            raise
        return folder

    @property
    def _unfinished(self) -> str:
        """Return how the name of a folder begins that this process is making or removing."""
        return f"{UNFINISHED}{self._owner.replace('/', '~')} "

    def _clear(self, *folders: str) -> None:
        """Remove folders with a marker, which may be gone before the rest is."""
        for folder in folders:
            root, name = os.path.split(folder)
            unfinished = os.path.join(root, self._unfinished + name)
            try:
                os.rename(folder, unfinished)
            except OSError as exc:
                if os.path.lexists(folder):
                    self._complain(os.rename, folder, exc)
                continue
            self._remove(unfinished)

    def _hidden(self, workspace: Mount, run_dir: str) -> tuple[str, ...]:
        """Return where private folders would appear inside, if they lie in the workspace."""
        found = []
        for folder in self._private:
            path = os.path.relpath(os.path.realpath(folder), workspace.source)
            if path.startswith("..") or path == "." or not folder.is_dir():
                continue
            inside = os.path.join(workspace.target, path)
            if not run_dir.startswith(f"{inside}/"):  # else the kernel could not be reached
                found.append(inside)
        return tuple(found)

    def _check_length(self, run_dir: str) -> None:
        if len(f"{run_dir}/{SOCKET_NAME}-5".encode()) > zmq.IPC_PATH_MAX_LEN:
            raise WorkspaceError(
                f"The run directory {self.run_root} is too long a path for a Unix socket.",
                "Set c.GpuContainers.run_dir to a shorter one.",
                code="run_dir_too_long",
            )

    def _remove(self, folder: str) -> None:
        shutil.rmtree(folder, onerror=self._complain)

    def _complain(self, _function: object, path: str, exc_info: object) -> None:
        self._log.warning("could not remove %s: %s", path, exc_info)

    def _make_private(self, folder: Path) -> None:
        """Others must not read keys nor put sockets of theirs in our way."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or folder.is_symlink():
            raise WorkspaceError(
                f"The folder {folder} is not private to you.",
                f"Remove it, or `chmod 700 {folder}`; or set c.GpuContainers.run_dir elsewhere.",
                code="run_dir_not_private",
            )


def _read_plain(path: Path) -> str:
    """Read a small file in whose place a kernel may have put a link, or a pipe to wait at."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return file.read(1000).decode(errors="replace")


def write_anew(
    folder: str, name: str, content: bytes, *, user: tuple[int, int] | None = None
) -> None:
    """Write a file into a folder that a kernel can write into, too.

    What has its name is removed, not followed: it may be a link that leads out of the folder.

    Parameters
    ----------
    folder, name : str
    content : bytes
    user : tuple of int, optional
        User and group id that the file shall belong to.

    Raises
    ------
    WorkspaceError
        It cannot be written, or the kernel is just putting something else in its place.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=inside)
            with open(os.open(name, flags, 0o600, dir_fd=inside), "wb") as file:
                if user is not None:
                    os.fchown(file.fileno(), *user)
                file.write(content)
        finally:
            os.close(inside)
    except OSError as exc:
        raise WorkspaceError(
            f"The kernel's own folder cannot be used: {exc.strerror} ({folder}/{name}).",
            "Start the kernel anew.",
            code="run_dir_unusable",
        ) from exc
