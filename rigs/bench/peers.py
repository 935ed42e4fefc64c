"""Other products that run kernels in containers: their versions, environments, images, kernelspecs.

Each is installed from the Python package index into an environment of its own, kept between runs
in `.run/bench`, with Jupyter's packages in the versions that we run with. They run on the same
image as ours: the same files, with what they ask of an image added.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from string import Template

import docker

from .contenders import Contender
from .place import Place, remove_images, versions

CACHE = Path(__file__).resolve().parents[2] / ".run" / "bench"

# the one place that says which versions
DOCKERNEL = ("dockernel", "1.0.2", "dockernel==1.0.2")
GATEWAY = ("gateway_provisioners", "0.5.0", "gateway_provisioners[docker]==0.5.0")
TITLES = tuple(f"{name} {version}" for name, version, _ in (DOCKERNEL, GATEWAY))
SHARED = ("ipykernel", "jupyter_client", "jupyter_server", "pyzmq")
SITE = "/opt/peer"
LAUNCHERS = "/usr/local/bin"


class CannotInstallError(Exception):
    """A peer is left out of the run; says why."""


def install(name: str, requirement: str) -> Path:
    """Make the peer's environment unless it is there; return its folder.

    Raises
    ------
    CannotInstallError
        The package index does not answer or does not have it.
    """
    own = versions()
    wanted = [requirement, *(f"{package}=={own[package]}" for package in SHARED)]
    folder = CACHE / name
    stamp = folder / "requirements.txt"
    if stamp.exists() and stamp.read_text().split() == wanted:
        return folder
    print(f"==> Installing {requirement} into {folder}", file=sys.stderr, flush=True)
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstallError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    stamp.write_text("\n".join(wanted))
    return folder


class Peers:
    """The other products, ready to be started on an image.

    Parameters
    ----------
    base : str
        The image that ours run on.
    tag : str
        Of the images that are made, so that two measurements do not meet.
    """

    def __init__(self, place: Place, client: docker.DockerClient, base: str, tag: str) -> None:
        self._place = place
        self._client = client
        self._base = base
        self._tag = tag
        self._images: list[str] = []
        self._found: list[Contender] | None = None
        self.left_out: dict[str, str] = {}  # by title, with the reason

    def contenders(self) -> list[Contender]:
        """Return those that could be installed; made ready the first time."""
        if self._found is not None:
            return self._found
        found = []
        makers = {TITLES[0]: self._dockernel, TITLES[1]: self._gateway}
        for title, make in makers.items():
            try:
                found.append(make(title))
            except CannotInstallError as exc:
                self.left_out[title] = f"could not be installed: {exc}"
        self._found = found
        return found

    def sweep(self, contender: Contender) -> None:
        """Remove the containers that it left behind."""
        if contender.image not in self._images:
            return
        found = self._client.containers.list(all=True, filters={"ancestor": contender.image})
        for container in found:
            try:
                container.remove(force=True, v=True)
            except (docker.errors.NotFound, docker.errors.APIError) as exc:
                # 409: its own removal is in progress
                if getattr(exc, "status_code", 404) not in (404, 409):
                    raise

    def close(self) -> None:
        """Remove what they and we left on the engine."""
        for image in self._images:
            self.sweep(Contender("", "", image=image))
        remove_images(self._client, self._images)

    def _dockernel(self, title: str) -> Contender:
        folder = install(DOCKERNEL[0], DOCKERNEL[2])
        # the command of its documentation's example
        command = "CMD python3 -m ipykernel_launcher -f $DOCKERNEL_CONNECTION_FILE\n"
        image = self._build("dockernel", command, [])
        python = str(folder / "bin" / "python")
        data = self._place.folder / "dockernel"
        spec = {
            # what `dockernel install` writes, but with an interpreter that need not be looked for
            "argv": [python, "-m", "dockernel", "start", image, "{connection_file}"],
            "display_name": title,
            "language": "python",
            "interrupt_mode": "message",
        }
        kernel = data / "kernels" / "dockernel"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(spec))
        return Contender(
            title, "dockernel", python, env=self._env(data), image=image, peer=True, polite=True
        )

    def _gateway(self, title: str) -> Contender:
        folder = install(GATEWAY[0], GATEWAY[2])
        (site,) = folder.glob("lib/python*/site-packages")
        scripts = site / "gateway_provisioners" / "kernel-launchers"
        bootstrap = (scripts / "bootstrap" / "bootstrap-kernel.sh").read_text()
        # what `jupyter image-bootstrap install` does in an image
        start = io.BytesIO(Template(bootstrap).safe_substitute(install_dir=LAUNCHERS).encode())
        files: list[tuple[str, Path | io.BytesIO]] = [("bootstrap-kernel.sh", start)]
        for part in ("python", "shared"):
            for path in sorted((scripts / part / "scripts").glob("*.py")):
                files.append((f"kernel-launchers/python/scripts/{path.name}", path))
        for path in sorted((site / "Cryptodome").rglob("*")):
            if path.is_file():
                files.append((f"peer/Cryptodome/{path.relative_to(site / 'Cryptodome')}", path))
        lines = (
            f"COPY bootstrap-kernel.sh {LAUNCHERS}/\n"
            f"COPY kernel-launchers {LAUNCHERS}/kernel-launchers\n"
            f"COPY peer {SITE}\n"
            f"RUN chmod 755 {LAUNCHERS}/bootstrap-kernel.sh"
            " && { command -v python || ln -s python3 /usr/bin/python; }\n"
            f"ENV PYTHONPATH=$PYTHONPATH:{SITE} KERNEL_LANGUAGE=python\n"
            f"CMD {LAUNCHERS}/bootstrap-kernel.sh\n"
        )
        image = self._build("gateway", lines, files)
        data = self._place.folder / "gateway"
        subprocess.run(
            [
                *(str(folder / "bin" / "jupyter"), "docker-spec", "install", "--user"),
                *("--kernel-name=gateway", f"--image-name={image}", f"--display-name={title}"),
            ],
            env={**self._place.environ(), "JUPYTER_DATA_DIR": str(data)},
            check=True,
            capture_output=True,
        )
        python = str(folder / "bin" / "python")
        env = self._env(data) | {"KERNEL_USERNAME": "bench"}
        return Contender(title, "gateway", python, env=env, image=image, peer=True, fresh=True)

    def _env(self, data: Path) -> dict[str, str]:
        address = self._client.api.base_url.replace("http+docker://localhost", "")
        own = {"DOCKER_HOST": address} if address else {}
        return {"JUPYTER_DATA_DIR": str(data), **own}

    def _build(self, name: str, lines: str, files: Iterable[tuple[str, Path | io.BytesIO]]) -> str:
        image = f"jgc-bench/{name}:{self._tag}"
        dockerfile = io.BytesIO(f"FROM {self._base}\n{lines}".encode())
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for path, content in [("Dockerfile", dockerfile), *files]:
                if isinstance(content, Path):
                    archive.add(content, path, recursive=False)
                else:
                    entry = tarfile.TarInfo(path)
                    entry.size = len(content.getvalue())
                    archive.addfile(entry, content)
        context.seek(0)
        self._client.images.build(
            fileobj=context, custom_context=True, tag=image, rm=True, forcerm=True
        )
        self._images.append(image)
        return image
