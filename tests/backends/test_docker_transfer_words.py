"""What is read from the engine's progress streams, and which login goes along with a request."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_gpu_containers.backends.docker.images import auth_header
from jupyter_gpu_containers.backends.docker.transfer import step_of
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.model.job import Step


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (
            {"status": "Pulling from library/debian", "id": "12"},
            Step("", "Pulling from library/debian, 12"),
        ),
        (
            {"status": "Pulling fs layer", "progressDetail": {}, "id": "0123456789ab"},
            Step("0123456789ab", "Pulling fs layer"),
        ),
        (
            {
                "status": "Downloading",
                "progressDetail": {"current": 10, "total": 300},
                "progress": "[>   ]",
                "id": "0123456789ab",
            },
            Step("0123456789ab", "Downloading", 10, 300),
        ),
        (
            {"status": "Downloading", "progressDetail": {"current": 10, "total": -1}, "id": "a"},
            Step("a", "Downloading", 10),  # a registry that tells no length
        ),
        (
            {"status": "Pull complete", "progressDetail": {}, "id": "a"},
            Step("a", "Pull complete", done=True),
        ),
        (
            {"status": "Download complete", "progressDetail": {}, "id": "a"},
            Step("a", "Download complete"),
        ),
        (  # containerd's image store, of which nothing more is heard
            {"status": "Download complete", "progressDetail": {"hidecounts": True}, "id": "a"},
            Step("a", "Download complete", done=True),
        ),
        ({"status": "Already exists", "id": "a"}, Step("a", "Already exists", done=True)),
        (
            {"status": "Layer already exists", "id": "a"},
            Step("a", "Layer already exists", done=True),
        ),
        ({"status": "Mounted from x/y", "id": "a"}, Step("a", "Mounted from x/y", done=True)),
        ({"status": "Pushed", "id": "a"}, Step("a", "Pushed", done=True)),
        ({"status": "Digest: sha256:1"}, Step("", "Digest: sha256:1")),
        (
            {"progressDetail": {}, "aux": {"Tag": "1", "Digest": "sha256:1", "Size": 528}},
            Step("", "1: sha256:1", done=True),
        ),
        ({"stream": "Trying to pull docker.io/library/debian\n"}, Step("", "")),  # Podman
        ({}, Step("", "")),
    ],
)  # fmt: skip
def test_lines_of_a_transfer(line: dict[str, Any], step: Step) -> None:
    assert step_of(line) == step


def read(header: str) -> dict[str, str]:
    decoded: dict[str, str] = json.loads(base64.urlsafe_b64decode(header))
    return decoded


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("nvcr.io/nvidia/pytorch:25.08-py3", "nvcr.io"),
        ("localhost:5000/a:1", "localhost:5000"),
        ("debian:12", "https://index.docker.io/v1/"),
    ],
)
def test_the_login_that_was_given(reference: str, address: str, config: Path) -> None:
    header = read(auth_header(reference, Credential("ada", "s3cret/+")))
    assert header == {"username": "ada", "password": "s3cret/+", "serveraddress": address}


def test_an_identity_token_is_no_password(config: Path) -> None:
    """Credential helpers answer with this user name where a registry gave a token."""
    header = read(auth_header("nvcr.io/a:1", Credential("<token>", "t0ken")))
    assert header == {"identitytoken": "t0ken", "serveraddress": "nvcr.io"}


def test_the_login_of_dockers_configuration_is_read_each_time(config: Path) -> None:
    assert read(auth_header("nvcr.io/a:1", None)) == {}  # but a header: a push wants one
    auth = base64.b64encode(b"$oauthtoken:key").decode()
    config.write_text(json.dumps({"auths": {"nvcr.io": {"auth": auth}}}))
    login = read(auth_header("nvcr.io/a:1", None))
    assert (login["username"], login["password"]) == ("$oauthtoken", "key")
    assert read(auth_header("quay.io/a:1", None)) == {}
    config.write_text("{}")
    assert read(auth_header("nvcr.io/a:1", None)) == {}
