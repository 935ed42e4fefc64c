"""Canary secrets: whatever is done with them, they turn up in nothing that somebody reads."""

from __future__ import annotations

import json
import re
import secrets
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from jupyter_gpu_containers.backends.docker.build import buildkit_program
from tests.conftest import IMAGES
from tests.registries.content import SAMPLES
from tests.registries.real import PASSWORD, USERNAME, RealRegistry
from tests.rooms import Room, run_program
from tests.servers import Server

from .canary_places import Containers, Events, Places, Processes
from .figures import Figure

PREFIX = "/gpu-containers"
ROUNDS = 3  # of everything, with --long
COLLECTIONS = (
    "status",
    "gpus",
    "images",
    "catalogue",
    "registries",
    "jobs",
    "environments",
    "launches",
)
# Where secrets are kept, readable by their owner alone: Docker's logins, keys, connection files.
KEPT = ("docker/config.json", "gpu_containers/key", "gpu_containers/kernels/", "work/token.txt")
# JupyterLab's own, which writes down where its extensions come from, at every start.
OTHERS = re.compile(rb"^.* LabApp\] Extensions will be fetched using proxy.*$", re.M)
# In every place something must turn up, which shows that it was looked at.
SEEN = ("the log", "REST", "events", "docker inspect", "containers' environment", "command lines")


@dataclass
class Drive:
    """One server with canaries around it, and all that is done with it.

    Parameters
    ----------
    room : Room
    registry : RealRegistry
        Wants user name and password.
    """

    room: Room
    registry: RealRegistry
    places: Places = field(default_factory=Places)
    secrets: dict[str, bytes] = field(default_factory=dict)
    inspected: int = 0
    missed: int = 0
    buildkit: bool = False

    def __post_init__(self) -> None:
        self.marker = f"marker-{uuid.uuid4().hex[:12]}"
        self.env: dict[str, str] = {}
        for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "PIP_INDEX_SECRET"):
            self.env[name] = self._canary(f"the server's {name}")
        self.env["NGC_API_KEY"] = self._canary("an NGC key", "nvapi-")
        login = self._canary("the proxy's password")
        self.env |= {
            "HTTPS_PROXY": f"http://ada:{login}@127.0.0.1:9",
            "HTTP_PROXY": f"http://ada:{login}@127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost",
            "DOCKER_CONFIG": str(self.room.home / "docker"),
        }
        self.secrets["the registry's password"] = PASSWORD.encode()
        # the whole of it in base64 is what Docker keeps and what is sent
        self.secrets["the registry's login"] = f"{USERNAME}:{PASSWORD}".encode()
        self.build_secret = self._canary("the build's secret")
        self.wrong = self._canary("a wrong password")
        self.room.configure(environment_variables={"OPEN": self.marker})

    def _canary(self, name: str, prefix: str = "canary-") -> str:
        value = prefix + secrets.token_hex(16)
        self.secrets[name] = value.encode()
        return value

    # --- everything ---------------------------------------------------------------------------

    def run(self) -> None:
        """Do everything once, and collect what could be read of it."""
        server = Server(self.room, env=self.env)
        try:
            with ExitStack() as stack:
                containers = stack.enter_context(Containers(self.places))
                stack.enter_context(Processes(self.places))
                stack.enter_context(Events(self.places, server))
                self._logins_and_pull(server)
                self._build()
                kernel = self._kernel(server)
                self._commit(server, kernel)
                self._failures(server)
                self._commands()
                self._everything(server)
                server.cancel(kernel)
            self.inspected, self.missed = containers.inspected, containers.missed
        finally:
            server.terminate()
            self.places.add("the log", OTHERS.sub(b"", server.log.read_bytes()))
            self._files()
            self._remove_images()

    def ask(self, server: Server, method: str, path: str, body: Any = None) -> Any:
        """Make a request, keep its answer, and return it; whether it succeeds or not."""
        answer = server.request(method, f"{PREFIX}/{path}", body)
        self.places.add("REST", json.dumps(dict(answer.headers)).encode() + answer.content)
        return answer.json() if answer.content else None

    def job(self, server: Server, **wanted: Any) -> Any:
        """Have a job done; return it."""
        job = self.ask(server, "POST", "jobs", wanted)

        def ended() -> Any:
            now = self.ask(server, "GET", f"jobs/{job['id']}")
            return now if now["ended"] else None

        return server.until(ended)

    def _logins_and_pull(self, server: Server) -> None:
        host = self.registry.host
        wrong = self.ask(
            server, "POST", f"registries/{host}/login", {"username": USERNAME, "secret": self.wrong}
        )
        assert wrong["code"] == "registry_unauthorized", wrong
        login = {"username": USERNAME, "secret": PASSWORD}
        assert self.ask(server, "POST", f"registries/{host}/login", login)["host"] == host
        # there is nobody at the proxy, which is said without its password
        refused = self.ask(
            server, "POST", "registries/nvcr.io/login", {"secret": self.env["NGC_API_KEY"]}
        )
        assert refused["code"] == "registry_unreachable", refused
        assert self.ask(server, "GET", "search?q=torch")["code"] == "registry_unreachable"
        reference = self.registry.reference("private/single:latest")
        pulled = self.job(server, kind="pull", reference=reference)
        assert pulled["state"] == "succeeded", pulled
        self._image(reference)

    def _build(self) -> None:
        folder = self.room.workspace
        (folder / "token.txt").write_text(self.build_secret)
        (folder / "token.txt").chmod(0o600)
        (folder / ".dockerignore").write_text("*\n!Dockerfile\n")
        step = "RUN --mount=type=secret,id=token test $(wc -c < /run/secrets/token) -gt 20"
        (folder / "Dockerfile").write_text(
            f"FROM {IMAGES.debian12}\n{step} && echo {self.marker}\n"
        )
        done = self._command(
            *("build", ".", "-t", self._tag("built"), "--secret", "id=token,src=token.txt")
        )
        # where there is no BuildKit it is refused, because the secret would stay in the image
        self.buildkit = buildkit_program() is not None
        assert (done == 0) is self.buildkit, self.places.texts["the log"][-1]
        if self.buildkit:
            self._image(self._tag("built"))

    def _kernel(self, server: Server) -> str:
        launch = server.launch(image=IMAGES.debian12)
        server.reached(launch, "running")
        self._keys()
        page = server.connect(launch)
        code = "import os; print(dict(os.environ), open('/proc/1/environ').read())"
        self.places.add("containers' environment", page.run(code))
        server.restart(page, launch).run("1 / 0")
        server.close_pages()
        self._keys()
        return launch

    def _keys(self) -> None:
        """Take the kernels' keys and the one that signs labels for canaries, too."""
        files = list(self.room.run.rglob("*.json"))
        found = {json.loads(path.read_text()).get("key") for path in files}
        found |= {
            json.loads(path.read_text()).get("key")
            for path in self.room.runtime.glob("kernel-*.json")
        }
        keys = sorted(key for key in found if key)
        assert keys, files
        for key in keys:
            self.secrets[f"a connection key {len(self.secrets)}"] = key.encode()
        signing = self.room.data / "gpu_containers" / "key"
        self.secrets["the signing key"] = signing.read_bytes()

    def _commit(self, server: Server, kernel: str) -> None:
        self.ask(server, "GET", f"launches/{kernel}/changes")
        job = self.job(server, kind="commit", reference=self._tag("kept"), launch=kernel)
        assert job["state"] == "succeeded", job
        self._image(self._tag("kept"))

    def _failures(self, server: Server) -> None:
        for image in (IMAGES.refuses, f"jgc-test/{self.marker}:none"):
            launch = server.launch(image=image)
            server.reached(launch, "failed")
            assert self.ask(server, "GET", f"launches/{launch}")["error"]["message"]
        # no login, and a registry that cannot be reached
        other = self.job(server, kind="pull", reference=f"nvcr.io/nvidia/{self.marker}:1")
        assert other["state"] == "failed", other
        self.ask(server, "GET", f"images/{self.registry.host}/no/{self.marker}:1")
        self.ask(server, "DELETE", f"registries/{self.registry.host}/login")
        denied = self.job(
            server, kind="pull", reference=self.registry.reference("private/other:latest")
        )
        assert denied["state"] == "failed", denied

    def _commands(self) -> None:
        for words in (("doctor",), ("ps",), ("gpus",), ("images",), ("environments", "list")):
            self._command(*words)
            self._command(*words, "--json")
        self._command("inspect", f"nvcr.io/nvidia/{self.marker}:1")

    def _command(self, *words: str) -> int:
        program = str(Path(sys.executable).with_name("jupyter-gpu-containers"))
        done = run_program(self.room, [program, *words], env=self.env, timeout=300)
        self.places.add("the log", f"{words}: {done.stdout}")
        return done.returncode

    def _everything(self, server: Server) -> None:
        for name in COLLECTIONS:
            told = self.ask(server, "GET", name)
            for row in told.get(name, []) if name in ("jobs", "launches") else []:
                self.ask(server, "GET", f"{name}/{row['id']}")
        for path in ("/api/kernels", "/api/sessions", "/api/kernelspecs"):
            self.places.add("REST", server.request("GET", path).content)

    # --- what is left ---------------------------------------------------------------------------

    def _files(self) -> None:
        for folder in (self.room.data, self.room.config, self.room.home, self.room.workspace):
            for path in folder.rglob("*"):
                name = str(path.relative_to(self.room.base))
                if path.is_file() and not path.is_symlink() and not any(k in name for k in KEPT):
                    self.places.add("files that hold no secrets", path.read_bytes())

    def _tag(self, name: str) -> str:
        return f"jgc-canary/{name}:{self.marker}"

    def _image(self, reference: str) -> None:
        client = docker.APIClient(timeout=60)
        try:
            told: list[Any] = [client.inspect_image(reference)]  # type: ignore[no-untyped-call]
            told.append(client.history(reference))  # type: ignore[no-untyped-call]
        finally:
            client.close()
        self.places.add("docker inspect", json.dumps(told))

    def _remove_images(self) -> None:
        client = docker.APIClient(timeout=60)
        try:
            names = {tag for row in client.images() for tag in row["RepoTags"] or ()}
            for name in (
                self._tag("built"),
                self._tag("kept"),
                f"{self.registry.host}/private/single:latest",
            ):
                if name in names:
                    client.remove_image(name, force=True)
        finally:
            client.close()


def measure(long: bool) -> list[Figure]:
    """Do everything once, or several times, each time with other secrets."""
    return figures([one_drive() for _ in range(ROUNDS if long else 1)])


def one_drive() -> Drive:
    """Start a registry and a server of its own, and do everything."""
    with tempfile.TemporaryDirectory() as facts:
        registry = RealRegistry("basic")
        try:
            registry.put("private/single:latest", SAMPLES["private/single:latest"])
            room = Room("docker", Path(facts))
            try:
                drive = Drive(room, registry)
                drive.run()
            finally:
                room.close()
        finally:
            registry.close()
    return drive


def figures(drives: list[Drive]) -> list[Figure]:
    """Return how often a secret was found, and what was searched."""
    hits = [hit for drive in drives for hit in drive.places.hits(drive.secrets)]
    for hit in hits:
        print(hit, file=sys.stderr)
    blind = {
        place
        for drive in drives
        for place in SEEN
        if not any(drive.marker.encode() in text for text in drive.places.texts[place])
    }
    kinds = sorted({name for drive in drives for name in drive.secrets})
    counts = ", ".join(
        f"{sum(len(drive.places.texts[place]) for drive in drives)} of {place}"
        for place in sorted({place for drive in drives for place in drive.places.texts})
    )
    built = sum(drive.buildkit for drive in drives)
    return [
        Figure(
            f"canary secrets in {len(drives)} rounds of everything",
            f"{len(hits)} hits of {sum(len(drive.secrets) for drive in drives)} secrets",
            "0",
            not hits,
        ),
        Figure(
            "places where a marker that is no secret was not found",
            ", ".join(sorted(blind)) or "none",
            "none",
            not blind,
        ),
        Figure("texts searched", counts, "as it is", True),
        Figure(
            "containers inspected from their creation on",
            f"{sum(drive.inspected for drive in drives)}, "
            f"{sum(drive.missed for drive in drives)} were gone before",
            "as it is",
            True,
        ),
        Figure("builds with a secret", f"{built} of {len(drives)} (BuildKit)", "as it is", True),
        Figure("kinds of secrets", str(len(kinds)), "as it is", True),
    ]
