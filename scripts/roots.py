"""Root file systems made of a distribution's own packages by mmdebstrap, imported as images.

This is what makes images where no image registry can be reached: only the package mirror that the
machine uses anyway is asked. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import engine as engines

LOGS = Path(__file__).resolve().parent.parent / ".run"
FINGERPRINT = "io.jupyter-gpu-containers.recipe"

# What nobody reads inside a container. Licences stay.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
# Matplotlib needs fontTools only to embed fonts and debugpy needs gdb only to attach to a foreign
# process, but Debian's packages ask for font design and debugging tools that in turn bring SciPy,
# Boost and a compiler: 1.2 GB instead of 0.36. An empty package provides those names instead.
LEFT_OUT = (
    "gdb",
    "python3-all",
    "python3-defcon",
    "python3-fs",
    "python3-lxml",
    "python3-lz4",
    "python3-munkres",
    "python3-sympy",
    "python3-unicodedata2",
    "unicode-data",
)
LEFT_OUT_CONTROL = f"""\
Package: jgc-left-out
Version: 1
Architecture: all
Maintainer: jupyter_gpu_containers contributors <noreply@jupyter-gpu-containers.invalid>
Description: stands for packages that no kernel of this image uses
Provides: {", ".join(f"{name} (= 999)" for name in LEFT_OUT)}
"""
DEBIAN_MIRROR = "http://deb.debian.org/debian"


class Failed(Exception):
    """An image could not be made; the text says what was tried, what happened, where to look."""


def say(text: str) -> None:
    """One line about what is done, kept off stdout: that is for the result."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def fingerprint(*parts: str) -> str:
    """A short name for exactly this recipe."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


# --- the host's own distribution ------------------------------------------------------------------


def os_release() -> dict[str, str]:
    """/etc/os-release as a dictionary (format: os-release(5)); empty where there is none."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def host_suite() -> str:
    """The Debian or Ubuntu suite of this machine, Debian 12's elsewhere."""
    release = os_release()
    keys = ("UBUNTU_CODENAME", "DEBIAN_CODENAME", "VERSION_CODENAME")
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    named = next((release[key] for key in keys if release.get(key)), "")
    return named if named and family & {"debian", "ubuntu"} else "bookworm"


def sources(suite: str) -> list[str]:
    """Package sources for mmdebstrap: this machine's own where they know the suite."""
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = sorted(row.split("|") for row in set(listed.splitlines()) if row.count("|") == 4)
    own = [
        f"deb {uri} {release} {component}"
        for uri, release, component, origin, _ in rows
        if origin in ("Debian", "Ubuntu") and release.split("-")[0] == suite
    ]
    if own:
        return own
    mirrors = [uri for uri, _, _, origin, label in rows if origin == label == "Debian"]
    return [f"deb {mirrors[0] if mirrors else DEBIAN_MIRROR} {suite} main"]


def apt_options() -> str:
    """This machine's proxies and checks of apt, as apt.conf text: they hold for the image too."""
    command = ["apt-config", "dump"]
    dump = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    wanted = re.compile(r"Acquire::(https?::|Check-|Retries)")
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))


# --- a root file system from packages -------------------------------------------------------------


@dataclass(frozen=True)
class Root:
    """A root file system of one suite with some packages, and the name it is given."""

    reference: str
    suite: str
    packages: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The same for the same content, whatever its name."""
        return fingerprint(self.suite, *self.packages, *DPKG_OPTIONS, LEFT_OUT_CONTROL)

    def make(self, engine: engines.Engine) -> None:
        """Build the root file system and import it."""
        LOGS.mkdir(exist_ok=True)
        log = LOGS / f"mmdebstrap-{self.suite}.log"
        say(
            f"Building {self.reference} from the packages of {self.suite} "
            f"({', '.join(self.packages)}): a minute or two, log in {log}"
        )
        with tempfile.TemporaryDirectory(prefix="jgc-image-") as folder:
            # mmdebstrap may act as another user id
            os.chmod(folder, 0o755)
            archive = self._bootstrap(Path(folder), log)
            with archive.open("rb") as content:
                changes = _image_config(archive, self.fingerprint)
                engine.import_root(content, self.reference, changes)

    def _bootstrap(self, folder: Path, log: Path) -> Path:
        package = _left_out_package(folder)
        archive = folder / "root.tar"
        options = [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
        if conf := apt_options():
            (folder / "apt.conf").write_text(conf, encoding="utf-8")
            options.append(f"--aptopt={folder / 'apt.conf'}")
        command = [
            *_as_root(),
            "mmdebstrap",
            "--variant=essential",
            f"--include={','.join(self.packages)}",
            *options,
            f"--essential-hook=copy-in {package} /",
            f'--essential-hook=chroot "$1" dpkg -i /{package.name} && rm "$1/{package.name}"',
            # proxies are this machine's business
            '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/hostname"',
            self.suite,
            str(archive),
            *sources(self.suite),
        ]
        with log.open("w", encoding="utf-8") as out:
            status = subprocess.run(command, stdout=out, stderr=out, check=False).returncode
        if status:
            tail = "\n    ".join(log.read_text(encoding="utf-8").splitlines()[-15:])
            raise Failed(f"mmdebstrap failed for {self.suite}:\n    {tail}\n  (all of it: {log})")
        return archive


def _as_root() -> list[str]:
    """sudo where it asks nothing; else mmdebstrap finds its own way (user namespaces)."""
    if os.geteuid() == 0:
        return []
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else []


def _left_out_package(folder: Path) -> Path:
    control = folder / "left-out" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(LEFT_OUT_CONTROL, encoding="utf-8")
    package = folder / "left-out.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(folder / "left-out"), str(package)]
    subprocess.run(command, check=True, capture_output=True)
    return package


def _image_config(archive: Path, recipe: str) -> list[str]:
    """Dockerfile instructions for the import: what the image says of itself (OCI annotations)."""
    with tarfile.open(archive) as tar:
        inside = {member.name: member for member in tar}
        python = inside.get("./usr/bin/python3")
        release = tar.extractfile("./usr/lib/os-release")
        text = release.read().decode() if release else ""
    system = re.search(r'^NAME="?([^"\n]*?)(?: GNU/Linux)?"?$', text, re.M)
    version = re.search(r'^VERSION_ID="?([^"\n]*)"?$', text, re.M)
    name = f"{system[1] if system else 'Linux'} {version[1] if version else ''}".strip()
    language = python.linkname.replace("python", "Python ") if python else "R"
    labels = {
        "org.opencontainers.image.title": f"{language} on {name}",
        "org.opencontainers.image.description": "Kernel from the distribution's packages",
        FINGERPRINT: recipe,
    }
    return [
        f'CMD ["{"python3" if python else "R"}"]',
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8",
        *(f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()),
    ]
