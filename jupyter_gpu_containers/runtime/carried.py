"""Kernel runtimes on disk: found, listed, prepared once for all processes, compiled for an image.

Below ``gpu_containers/runtimes/v2`` in a Jupyter data directory, a folder for each runtime::

    cpython-311-glibc-amd64/
        runtime.json          what it is, see `KernelRuntime`
        launch.py             starts the kernel (carried_launcher.py)
        start.py              starts the image's own
        keeper.py             keeps the container while the kernel is restarted
        traces.py             what of a kernel must not be left then
        preload.py            what every kernel of the container is to find imported
        quick_start.py        leaves away what it needs only later
        deferred.py           has that found when it is wanted
        leaving.py            lets it end sooner
        distributions.json    what each package needs, for the launcher
        lib/                  ipykernel and all that it needs
    quick-start-0123456789ab-311/
        start.py ... leaving.py  the same, for images that have an ipykernel of their own
        __pycache__/          their bytecode, where this machine has the image's Python, here 3.11

A folder is there wholly or not at all, and nothing in it ever changes: containers that run have it
mounted. A new form of these folders gets a new name in place of ``v2``.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from jupyter_gpu_containers.errors import GpuContainersError, InvalidRequestError
from jupyter_gpu_containers.model.image.image import is_image_id
from jupyter_gpu_containers.model.kernel.runtime import RuntimeTag

from .carried_fetch import LIBRARY, QUICK_SOURCES, Fetcher, install_launcher, install_quick_start

log = logging.getLogger(__name__)

FOLDER = Path("gpu_containers", "runtimes", "v2")  # below a Jupyter data directory
ABOUT = "runtime.json"


@dataclass(frozen=True)
class KernelRuntime:
    """One runtime that is prepared."""

    tag: RuntimeTag
    folder: Path
    ipykernel: str  # version
    compiled: bool  # has bytecode, without which a kernel starts several times slower
    created: float  # seconds since the epoch
    image_id: str | None = None  # compiled by this image's Python, and so for this image only


class RuntimeStore:
    """The runtimes of this user, and those that an administrator prepared for all.

    Parameters
    ----------
    directory : Path
        Where new ones go; made when the first one is prepared.
    shared : sequence of Path
        Where else to look.
    fetcher : Fetcher, optional
        How packages are got.
    """

    def __init__(
        self, directory: Path, *, shared: Sequence[Path] = (), fetcher: Fetcher | None = None
    ) -> None:
        self.directory = directory
        self._places = (directory, *(place for place in shared if place != directory))
        self._fetcher = fetcher or Fetcher()
        self._lock = threading.Lock()
        self._preparing: dict[RuntimeTag, concurrent.futures.Future[KernelRuntime]] = {}

    def find(self, tag: RuntimeTag, image_id: str | None = None) -> KernelRuntime | None:
        """Return a runtime that is prepared, the one compiled for an image where there is one."""
        names = [str(tag)] if image_id is None else [_name(tag, image_id), str(tag)]
        for name in names:
            for place in self._places:
                found = _read(place / name)
                if found is not None:
                    return found
        return None

    def list(self) -> list[KernelRuntime]:
        """Return all that are prepared, by tag."""
        found: dict[str, KernelRuntime] = {}
        for place in self._places:
            if place.is_dir():
                for folder in place.glob("cpython-*"):
                    runtime = _read(folder)
                    if runtime is not None:
                        found.setdefault(folder.name, runtime)
        return [found[name] for name in sorted(found)]

    def prepare(self, tag: RuntimeTag) -> concurrent.futures.Future[KernelRuntime]:
        """Begin to prepare a runtime; those who ask meanwhile share the work.

        The future raises `RuntimeUnavailableError`. It belongs to no event loop. The work goes on
        when nobody waits for it any more: the next launch finds it done.
        """
        with self._lock:
            future = self._preparing.get(tag)
            if future is not None:
                return future
            future = self._preparing[tag] = concurrent.futures.Future()
        threading.Thread(
            target=self._work, args=(tag, future), name=f"gpu-containers-{tag}", daemon=True
        ).start()
        return future

    def compile(
        self, runtime: KernelRuntime, image_id: str, work: Callable[[Path], None]
    ) -> KernelRuntime:
        """Make a copy of a runtime for one image, filled with bytecode by that image's Python.

        The image may be hostile and could write anything, so no other image is given the copy.

        Parameters
        ----------
        runtime : KernelRuntime
        image_id : str
        work : callable
            Called with the copy's folder; it runs the image. Blocking.
        """
        if not is_image_id(image_id):
            raise ValueError(f"not an image id: {image_id!r}")
        name = _name(runtime.tag, image_id)
        with self._locked(name), self._nest(name) as nest:
            found = _read(self.directory / name)
            if found is not None:  # another process was quicker
                return found
            copy = nest / name
            shutil.copytree(runtime.folder, copy)
            (copy / ABOUT).unlink()  # written anew below, after the stranger's work
            work(copy)
            compiled = any((copy / LIBRARY / "ipykernel").glob("__pycache__/*.pyc"))
            return self._place(copy, runtime.tag, runtime.ipykernel, compiled, image_id)

    def quick_start(self, minor: int) -> Path:
        """Return the folder that starts an image's own ipykernel sooner; make it where needed.

        Parameters
        ----------
        minor : int
            Of the image's Python 3.

        Raises
        ------
        InvalidRequestError
            It cannot be written.
        """
        content = b"".join(source.read_bytes() for source in QUICK_SOURCES.values())
        name = f"quick-start-{sha256(content).hexdigest()[:12]}-3{minor}"
        folder = self.directory / name
        if not folder.is_dir():
            with self._locked(name), self._nest(name) as nest:
                if not folder.is_dir():
                    (nest / name).mkdir(mode=0o755)
                    install_quick_start(nest / name)
                    self._fetcher.compile_quick_start(nest / name, minor)
                    os.rename(nest / name, folder)
        return folder

    def add(
        self, source: Path, tag: RuntimeTag, ipykernel: str, *, compiled: bool
    ) -> KernelRuntime:
        """Put a folder that was unpacked below `directory` in its place."""
        return self._place(source, tag, ipykernel, compiled, None)

    @contextlib.contextmanager
    def nest(self, tag: RuntimeTag) -> Iterator[Path]:
        """Give a folder beside the runtimes, for `add`, while no other process does the same."""
        with self._locked(str(tag)), self._nest(str(tag)) as nest:
            yield nest

    def close(self) -> None:
        """End what is being prepared."""
        self._fetcher.close()

    # --- inside -------------------------------------------------------------------------------

    def _work(self, tag: RuntimeTag, future: concurrent.futures.Future[KernelRuntime]) -> None:
        failure: BaseException | None = None
        try:
            result = self._prepare(tag)
        except BaseException as exc:  # noqa: BLE001  whoever waits is told
            failure = exc
        with self._lock:
            del self._preparing[tag]
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)

    def _prepare(self, tag: RuntimeTag) -> KernelRuntime:
        with self._locked(str(tag)), self._nest(str(tag)) as nest:
            found = self.find(tag)
            if found is not None:  # another process was quicker
                return found
            folder = nest / str(tag)
            folder.mkdir(mode=0o755)
            fetched = self._fetcher.fetch(tag, folder)
            return self._place(folder, tag, fetched.ipykernel, fetched.compiled, None)

    def _place(
        self, source: Path, tag: RuntimeTag, ipykernel: str, compiled: bool, image_id: str | None
    ) -> KernelRuntime:
        target = self.directory / source.name
        runtime = KernelRuntime(tag, target, ipykernel, compiled, time.time(), image_id)
        about = {**asdict(runtime), "tag": str(tag)}
        del about["folder"]
        install_launcher(source)
        (source / ABOUT).write_text(json.dumps(about), "utf-8")
        os.rename(source, target)
        return runtime

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Let one process at a time work at a folder. The lock ends with the process."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.directory / f".lock-{name}", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise _cannot_write(self.directory, exc) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _nest(self, name: str) -> Iterator[Path]:
        """Make a folder to work in, and clear it away; also what a crash left. Under the lock."""
        prefix = f".new-{name}-"
        for left in self.directory.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            nest = Path(tempfile.mkdtemp(dir=self.directory, prefix=prefix))
            try:
                yield nest
            finally:
                shutil.rmtree(nest, ignore_errors=True)
        except GpuContainersError:
            raise
        except OSError as exc:
            raise _cannot_write(self.directory, exc) from exc


def _name(tag: RuntimeTag, image_id: str) -> str:
    return f"{tag}@{image_id.removeprefix('sha256:')[:32]}"


def _cannot_write(directory: Path, exc: OSError) -> InvalidRequestError:
    return InvalidRequestError(
        f"Kernel runtimes cannot be written to {directory}: {exc.strerror or exc}.",
        "See that this folder is yours and that its disk is not full.",
    )


def _read(folder: Path) -> KernelRuntime | None:
    """Read what a folder is; None where it is no runtime."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        image_id = about["image_id"]
        return KernelRuntime(
            tag=RuntimeTag.parse(str(about["tag"])),
            folder=folder,
            ipykernel=str(about["ipykernel"]),
            compiled=about["compiled"] is True,
            created=float(about["created"]),
            image_id=None if image_id is None else str(image_id),
        )
    except FileNotFoundError:
        return None
    except PermissionError as exc:  # as an administrator's copy, without `chmod -R a+rX`
        log.warning("The kernel runtime %s may not be read: %s", folder, exc)
        return None
    except (OSError, ValueError, LookupError, TypeError, InvalidRequestError) as exc:
        log.warning("The kernel runtime %s is damaged: %r", folder, exc)
        return None
