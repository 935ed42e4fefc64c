"""T2, T3, T12, T30: what cannot be said at all, by whoever asks and whatever the text."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpu_containers.backends.docker.body import Injection, create_body
from jupyter_gpu_containers.model.kernel.container import ContainerSpec, Mount, Network

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "jupyter_gpu_containers"

text = st.text(max_size=40)
specs = st.builds(
    ContainerSpec,
    image=text,
    command=st.tuples(text),
    name=text,
    user=text,
    working_dir=text,
    labels=st.dictionaries(text, text, max_size=4),
    env=st.dictionaries(
        text | st.sampled_from(["NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"]), text
    ),
    mounts=st.lists(st.builds(Mount, source=text, target=text), max_size=3).map(tuple),
    gpus=st.lists(text, max_size=3).map(tuple),
    memory=st.none() | st.integers(),
    shm_size=st.none() | st.integers(),
    pids_limit=st.none() | st.integers(),
    network=st.sampled_from(Network),
    hostname=text,
)


@given(specs, st.sampled_from(["cdi", "nvidia"]))
@settings(max_examples=300)
def test_every_request_is_in_the_safe_set(spec: ContainerSpec, injection: Injection) -> None:
    body = create_body(spec, injection)
    host = body["HostConfig"]
    assert set(host) <= {
        *("Mounts", "Privileged", "CapDrop", "CapAdd", "SecurityOpt", "Init", "AutoRemove"),
        *("RestartPolicy", "IpcMode", "CgroupnsMode", "NetworkMode", "PublishAllPorts"),
        *("OomScoreAdj", "Ulimits", "DeviceRequests", "Memory", "MemorySwap", "ShmSize"),
        *("PidsLimit", "Runtime", "LogConfig"),
    }
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] == []
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["NetworkMode"] in ("bridge", "none")
    assert host["IpcMode"] == host["CgroupnsMode"] == "private"
    assert host["Runtime"] == "runc"
    assert all(row["Type"] == "bind" for row in host["Mounts"])
    assert all(not row["BindOptions"]["CreateMountpoint"] for row in host["Mounts"])
    visible = [pair for pair in body["Env"] if pair.startswith("NVIDIA_VISIBLE_DEVICES=")]
    by_hook = spec.gpus and injection == "nvidia"
    assert visible == [f"NVIDIA_VISIBLE_DEVICES={','.join(spec.gpus) if by_hook else 'void'}"]
    for request in host.get("DeviceRequests", ()):
        assert "Count" not in request  # -1 would be all
        assert len(request["DeviceIDs"]) == len(spec.gpus) > 0


def test_a_launch_can_name_no_path_device_user_or_right() -> None:
    """Of what can be asked for by REST; `path` is the notebook's, below the server's root."""
    contract = yaml.safe_load((PACKAGE / "web" / "openapi.yaml").read_text())
    launch = contract["components"]["schemas"]["NewLaunch"]
    assert launch["additionalProperties"] is False
    assert set(launch["properties"]) == {
        *("environment", "image", "kernel", "gpus", "gpu_profile", "gpu_uuids", "memory"),
        *("shm_size", "mounts", "path", "replaces", "pull", "wait"),
    }


@pytest.mark.parametrize("verb", ["get_archive", "privileged=True", "exec_create"])
def test_requests_that_are_not_made(verb: str) -> None:
    """Nothing is copied out of containers; programs run in one to look at it, or for its user."""
    allowed = {"exec_create": {"access.py", "diff.py", "gpus.py", "shell.py"}}.get(verb, set())
    users = {path.name for path in PACKAGE.rglob("*.py") if verb in path.read_text()}
    assert users <= allowed


def test_an_archive_goes_only_into_a_container_that_has_not_started() -> None:
    callers = [path.name for path in PACKAGE.rglob("*.py") if "put_archive" in path.read_text()]
    assert callers == ["requests.py"]
    tree = ast.parse((PACKAGE / "backends/docker/requests.py").read_text())
    inside = [
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and "_make_folders(" in ast.unparse(function)
    ]
    assert inside == ["create", "_make_folders"]


def test_the_front_end_writes_text_and_no_html() -> None:
    """Names, labels and log lines of images are shown as React's text nodes."""
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|renderMarkdown"
    )
    sources = [
        path
        for path in (ROOT / "labextension" / "src").rglob("*.ts*")
        if "__tests__" not in path.parts
    ]
    assert len(sources) > 20
    assert [path.name for path in sources if ways.search(path.read_text())] == []
