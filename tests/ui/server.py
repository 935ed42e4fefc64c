"""A JupyterLab of a test's own: scratch folders, a free port, our extension from this checkout."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.canaries import SUITE, write_down_events
from tests.servers import ask_to_end

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "jupyter_gpu_containers" / "labextension"
TOKEN = SUITE.make("lab-token")
NEWS = "@jupyterlab/apputils-extension:notification"
READY = re.compile(r"(http://127\.0\.0\.1:\d+)/\S*")
STOP_TIMEOUT = 30.0  # seconds
NODE = ("node", "nodejs")


@dataclass(frozen=True)
class LabServer:
    """A running JupyterLab."""

    url: str
    root: Path  # its root directory
    data: Path  # its Jupyter data directory
    log: Path
    process: subprocess.Popen[bytes]

    def request(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Send a request to the REST API and return the answer's JSON; None without a body."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            SUITE.look_at_answer(f"{method} {path}", answer.headers, text)
        return json.loads(text) if text else None

    @contextmanager
    def without(self, *plugins: str) -> Iterator[None]:
        """Disable front-end plugins for the pages that are opened meanwhile."""
        file = self.root.parent / "config" / "labconfig" / "page_config.json"
        _write(file, {"disabledExtensions": dict.fromkeys(plugins, True)})
        try:
            yield
        finally:
            file.unlink()

    def launches(self) -> list[dict[str, Any]]:
        """Return the launches, newest first."""
        answer: dict[str, list[dict[str, Any]]] = self.request("gpu-containers/launches")
        return answer["launches"]


@contextmanager
def lab_server(
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    extension: bool = True,
    notebook: bool = False,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[LabServer]:
    """Start JupyterLab and stop it at the end.

    Parameters
    ----------
    folder : Path
        An empty folder for everything it writes.
    config : mapping, optional
        Sections of `jupyter_gpu_containers_config.json`, as traits.
    env : mapping, optional
        Additions to its environment.
    extension : bool
        Whether the server half is enabled.
    notebook : bool
        Whether it is Notebook 7 in place of JupyterLab.
    settings : mapping, optional
        Settings of JupyterLab's plugins, such as `@jupyterlab/translation-extension:plugin`.
    """
    paths = {name: folder / name for name in ("root", "config", "data", "runtime", "settings")}
    for path in paths.values():
        path.mkdir(parents=True)
    (paths["data"] / "labextensions").mkdir()
    (paths["data"] / "labextensions" / "jupyter-gpu-containers").symlink_to(ASSETS)
    _write(
        paths["config"] / "jupyter_server_config.d" / "jupyter_gpu_containers.json",
        {"ServerApp": {"jpserver_extensions": {"jupyter_gpu_containers": extension}}},
    )
    _write(paths["config"] / "jupyter_gpu_containers_config.json", dict(config or {}))
    write_down_events(paths["config"], folder)
    news = {NEWS: {"fetchNews": "false", "checkForUpdates": False}}
    for plugin, values in {**news, **(settings or {})}.items():
        package, _, name = plugin.partition(":")
        _write(paths["settings"] / package / f"{name}.jupyterlab-settings", values)
    environment = {
        **os.environ,
        "JUPYTER_PREFER_ENV_PATH": "0",  # what is installed beside Python must not win
        "JUPYTER_CONFIG_DIR": str(paths["config"]),
        "JUPYTER_DATA_DIR": str(paths["data"]),
        "JUPYTER_RUNTIME_DIR": str(paths["runtime"]),
        "JUPYTERLAB_SETTINGS_DIR": str(paths["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "DOCKER_CONFIG": str(folder / "docker"),  # logins of a test stay with the test
        "PATH": _programs_without_node(),
        **(env or {}),
    }
    command = [
        sys.executable,
        *(
            "-m",
            "notebook" if notebook else "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            "--port=0",
        ),
        f"--ServerApp.root_dir={paths['root']}",
        f"--IdentityProvider.token={TOKEN}",
        f"--{'JupyterNotebookApp' if notebook else 'LabApp'}.expose_app_in_browser=True",
    ]
    log = folder / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
    try:
        lab = LabServer(_wait_until_ready(process, log), paths["root"], paths["data"], log, process)
        yield lab
        # Every page asks for this; a server that is ended while a thread of its makes the answer
        # waits for the thread for ever (anyio; seen with jupyter_server 2.21).
        lab.request("api/nbconvert")
    finally:
        ask_to_end(process, log, STOP_TIMEOUT / 2)
        try:
            process.wait(STOP_TIMEOUT / 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not end:\n{log.read_text()[-4000:]}") from None
        SUITE.hits += SUITE.look_into(folder)


def _listens(url: str) -> bool:
    """Jupyter Server says where it is a moment before it is there."""
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 0)):
            return True
    except ConnectionRefusedError:
        return False


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the URL once the server has written it to its log."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        seen = ""
        while True:
            seen += lines.read()
            found = READY.search(seen)
            if found and _listens(found.group(1)):
                return found.group(1)
            if process.poll() is not None:
                raise AssertionError(f"JupyterLab ended at once:\n{seen[-4000:]}")
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue


@functools.cache
def _programs_without_node() -> str:
    """Return a PATH as on the machine of somebody who builds no front ends.

    With Node on its PATH, JupyterLab starts it half a dozen times, to ask for its settings.
    """
    folder = Path(tempfile.mkdtemp(prefix="jgc-programs-"))
    atexit.register(shutil.rmtree, folder)
    places = os.environ["PATH"].split(os.pathsep)
    with_node = [place for place in places if any(Path(place, name).exists() for name in NODE)]
    for place in reversed(with_node):
        for program in Path(place).iterdir():
            if program.name not in NODE:
                link = folder / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    return os.pathsep.join(str(folder) if place in with_node else place for place in places)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
