"""Engines that give out fake GPUs: by NVIDIA's runtime hook, or by CDI."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.doubles import CACHE, ROOT
from tests.doubles.cdi import write_cdi
from tests.doubles.nvml import FakeDriver
from tests.engines import PrivateEngine

HOOK = Path(__file__).resolve().parent / "hook"


class HookEngine(PrivateEngine):
    """A Docker engine on whose PATH NVIDIA's runtime hook stands.

    Parameters
    ----------
    driver : FakeDriver
        The host's driver; its machine file may be edited while the engine runs.
    """

    def __init__(self, driver: FakeDriver) -> None:
        runtime = {"path": str(HOOK / "nvidia-container-runtime")}
        super().__init__(path_prefix=HOOK, config={"runtimes": {"nvidia": runtime}})
        self.driver = driver
        run = self.folder / "gpus"
        run.mkdir()
        self.env = {"FAKE_GPU_MACHINE": str(driver.machine), "FAKE_GPU_RUN": str(run)}
        if driver.library:
            # a copy: what the engine mounts must be in its own folder
            self.env["FAKE_GPU_LIBRARY"] = str(shutil.copy(driver.library, self.folder))

    def set_up(self, *, default_runtime: bool = False, hardened: bool = False) -> None:
        """Change what an administrator may have set up; counts from the next `start` on.

        Parameters
        ----------
        default_runtime : bool
            NVIDIA's runtime is the engine's default.
        hardened : bool
            The toolkit ignores NVIDIA_VISIBLE_DEVICES of unprivileged containers; then the
            engine accepts requests for GPUs and gives none.
        """
        self.config["default-runtime"] = "nvidia" if default_runtime else "runc"
        self.env["FAKE_GPU_HARDENED"] = "1" if hardened else ""


class CdiEngine(PrivateEngine):
    """Debian 13's Docker engine (26.1), which knows CDI, whatever the host's own engine is.

    It runs in a root made of Debian's packages; its own folder has the same path inside. What
    containers mount must therefore be in that folder.
    """

    def __init__(self, driver: FakeDriver) -> None:
        super().__init__()
        self.root = _debian13_engine()
        self.driver = driver
        specs = write_cdi(self.folder, driver)
        self.config = {"features": {"cdi": True}, "cdi-spec-dirs": [str(specs)]}
        self.path = "/usr/sbin:/usr/bin"

    def mounts(self) -> Sequence[str]:
        """Put the host's kernel file systems and this engine's folder into the root."""
        root, inside = shlex.quote(str(self.root)), f"{self.root}{self.folder}"
        kernel = [
            f"mkdir -p {root}/{d}; mount --rbind /{d} {root}/{d}" for d in ("proc", "sys", "dev")
        ]
        return [
            f"mount --bind {root} {root}",  # dockerd needs a mount point as its /
            *kernel,
            f"mkdir -p {root}/run {inside}",
            f"mount -t tmpfs tmpfs {root}/run",
            *super().mounts(),
            f"mount --rbind {self.folder} {inside}",
        ]

    def command(self) -> Sequence[str]:
        """Run dockerd in the root."""
        environment = [f"PATH={self.path}", "HOME=/root"]
        return ["env", "-i", *environment, "/usr/sbin/chroot", str(self.root), *super().command()]

    def remove(self) -> None:
        """Remove the empty mount point in the shared root, too."""
        super().remove()
        Path(f"{self.root}{self.folder}").rmdir()


def _debian13_engine() -> Path:
    """Return a root with Debian 13's ``docker.io``, made once (about 20 s, 250 MB)."""
    root = CACHE / "debian13-engine"
    if root.exists():
        return root
    CACHE.mkdir(exist_ok=True)
    # the package sources and settings of this machine, as the test images have them
    code = "import roots; print(roots.sources('trixie')[0]); print(roots.apt_options(), end='')"
    asked = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    source, _, options = asked.stdout.partition("\n")
    (CACHE / "apt.conf").write_text(options)
    made = CACHE / f"debian13-engine.{os.getpid()}"
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=extract",
            "--include=docker.io",
            f"--aptopt={CACHE / 'apt.conf'}",
            "trixie",
            str(made),
            source,
        ],
        check=True,
    )
    for name in ("bin", "sbin", "lib", "lib64"):  # usr-merge; base-files is not among the packages
        if not (made / name).exists():
            (made / name).symlink_to(f"usr/{name}")
    os.replace(made, root)
    return root
