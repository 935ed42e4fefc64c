"""Files that lie in the workspace, and a notebook's own words, configure nothing (T9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_gpu_containers.model.kernel import labels
from tests.conftest import IMAGES
from tests.rooms import Room
from tests.servers import Server

pytestmark = pytest.mark.engine

# what an attacker would like: the machine's files, its network, more than one's own
WISHES = {
    "backend": "memory",
    "network": "bridge",
    "data_mounts": {"host": "/etc:rw"},
    "environment_variables": {"WISH": "granted"},
    "passed_variables": ["WISH"],
    "memory": "3g",
    "workspace": "/",
    "run_dir": "/tmp/wish",
    "allowed_images": ["nobody/nothing"],
}
METADATA = {
    "kernelspec": {
        "name": "wish",
        "display_name": "Wish",
        "language": "python",
        "argv": ["sh", "-c", "touch {owned}"],
        "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
    },
    "gpu_containers": {
        "image": IMAGES.debian13,
        "gpus": 8,
        "mounts": ["/:/host"],
        "privileged": True,
        "user": "0:0",
        "network": "host",
    },
    "kernel_provisioner": {"provisioner_name": "local-provisioner"},
}


def lay_out(folder: Path, owned: Path) -> None:
    """Put everything into a folder that a program might take for its configuration."""
    settings = "".join(f"c.GpuContainers.{name} = {value!r}\n" for name, value in WISHES.items())
    program = f"open({str(owned)!r}, 'w').close()\n"
    python = f"{program}c = get_config()\n{settings}"
    spec = {**METADATA["kernelspec"], "argv": ["touch", str(owned)]}
    folders = ["", ".jupyter", "config", "etc/jupyter", ".ipython/profile_default/startup"]
    names = ["jupyter_gpu_containers_config", "jupyter_server_config", "jupyter_config"]
    files = {
        **{f"{where}/{name}.py": python for where in folders for name in names},
        **{
            f"{where}/{name}.json": json.dumps({"GpuContainers": WISHES})
            for where in folders
            for name in names
        },
        **{
            f"{where}/kernels/wish/kernel.json": json.dumps(spec)
            for where in ("", "share/jupyter", ".local/share/jupyter", ".jupyter")
        },
        ".docker/config.json": json.dumps(
            {"auths": {"wish.example.org": {"auth": "d2lzaDp3aXNo"}}, "credsStore": "wish"}
        ),
        ".env": "DOCKER_HOST=tcp://127.0.0.1:1\nWISH=granted\nCOMPOSE_FILE=wish.yml\n",
        "docker-compose.yml": "services: {wish: {image: wish, privileged: true}}\n",
        ".devcontainer/devcontainer.json": json.dumps({"initializeCommand": f"touch {owned}"}),
        ".devcontainer.json": json.dumps({"initializeCommand": f"touch {owned}"}),
        "pip.conf": "[global]\nindex-url = http://127.0.0.1:1/\n",
        "sitecustomize.py": program,
        "usercustomize.py": program,
        "jupyter_gpu_containers.py": program,
        "docker.py": program,
        "pip.py": program,
        "setup.cfg": "[wish]\n",
    }
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def notebook() -> str:
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": METADATA,
        "source": "",
        "outputs": [],
        "execution_count": None,
    }
    return json.dumps({"cells": [cell], "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def client(engine_host: str) -> Iterator[docker.APIClient]:
    with closing(docker.APIClient(engine_host, timeout=60)) as client:
        yield client


def told(room: Room, client: docker.APIClient) -> dict[str, Any]:
    """Start a server here, and a kernel for the notebook; return all that is known of them."""
    server = Server(room)
    try:
        if not (room.data / "kernels").exists():
            server.ask("POST", "/gpu-containers/environments", {"image": IMAGES.debian12})
        [environment] = server.ask("GET", "/gpu-containers/environments")["environments"]
        said = {
            "environments": environment,
            "kernelspecs": sorted(server.ask("GET", "/api/kernelspecs")["kernelspecs"]),
            "registries": server.ask("GET", "/gpu-containers/registries"),
            "status": server.ask("GET", "/gpu-containers/status"),
            "gpus": server.ask("GET", "/gpu-containers/gpus"),
        }
        launch = server.launch(environment=environment["name"], path="n.ipynb")
        server.reached(launch, "running")
        [container] = client.containers(filters={"label": f"{labels.KERNEL}={launch}"})
        record = client.inspect_container(container["Id"])
        said["command"] = [record["Path"], *record["Args"]]
        said["config"] = {
            key: value for key, value in record["Config"].items() if key not in ("Labels",)
        }
        said["host"] = record["HostConfig"]
        said["mounts"] = sorted((row["Destination"], row["RW"]) for row in record["Mounts"])
        said["labels"] = sorted(record["Config"]["Labels"])
        # what is of this one launch
        [run_dir] = [target for target, _ in said["mounts"] if target.startswith(str(room.run))]
        text = json.dumps(said).replace(run_dir, "RUN")
        for mount in record["Mounts"]:
            if mount["Destination"] == "/home/kernel":
                text = text.replace(mount["Source"], "HOME")
        server.cancel(launch)
        found: dict[str, Any] = json.loads(text)
        return found
    finally:
        assert server.terminate() == 0


def test_nothing_that_lies_there_counts(
    engine_room: Room, client: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same kernel, by the same server, in a folder of wishes as in a clean one."""
    owned = engine_room.base / "owned"
    (engine_room.workspace / "n.ipynb").write_text("{}")
    clean = told(engine_room, client)
    lay_out(engine_room.workspace, owned)
    (engine_room.workspace / "n.ipynb").write_text(notebook())
    assert told(engine_room, client) == clean
    assert not owned.exists()


@pytest.fixture
def server(engine_room: Room) -> Iterator[Server]:
    server = Server(engine_room)
    yield server
    assert server.terminate() == 0


def test_a_notebook_names_a_kernelspec_and_nothing_else(
    engine_room: Room, client: docker.APIClient, server: Server
) -> None:
    """Opening it starts what it names, if the user has that; what else it says starts nothing."""
    owned = engine_room.base / "owned"
    lay_out(engine_room.workspace, owned)
    (engine_room.workspace / "n.ipynb").write_text(notebook())
    images = sorted(row["Id"] for row in client.images())
    content = server.ask("GET", "/api/contents/n.ipynb")["content"]
    wanted = content["metadata"]["kernelspec"]["name"]
    for name in (wanted, "../wish", f"{engine_room.workspace}/kernels/wish", "kernels/wish", "."):
        body = {"path": "n.ipynb", "name": "n", "type": "notebook", "kernel": {"name": name}}
        answer = server.request("POST", "/api/sessions", body)
        if answer.ok:  # with pending kernels Jupyter finds out later that there is no such thing
            server.request("DELETE", f"/api/sessions/{answer.json()['id']}")
    for body in (
        {"environment": wanted, "path": "n.ipynb"},
        {"environment": "../wish", "path": "n.ipynb"},
        {"path": "n.ipynb", **METADATA["gpu_containers"]},
        {"path": "n.ipynb", "metadata": METADATA},
    ):
        assert server.request("POST", "/gpu-containers/launches", body).status_code in (404, 422)
    server.until(lambda: server.kernels() == [])
    assert engine_room.containers() == []
    launches = server.ask("GET", "/gpu-containers/launches")["launches"]
    assert [launch for launch in launches if launch["phase"] not in ("failed", "cancelled")] == []
    assert sorted(row["Id"] for row in client.images()) == images
    assert not owned.exists()
