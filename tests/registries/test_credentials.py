"""Logins in Docker's own file and helpers; real helpers are programs, and so are these."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from docker.auth import load_config

from jupyter_gpu_containers.errors import InvalidRequestError
from jupyter_gpu_containers.model.image.registry import Credential
from jupyter_gpu_containers.registries.credentials import (
    IDENTITY_TOKEN,
    DockerCredentials,
    default_username,
    normal_host,
)

ADA = Credential("ada", "canary: p@ss ü")
HUB = "https://index.docker.io/v1/"

HELPER = """#!PYTHON -IS
import json, pathlib, sys
file = pathlib.Path(__file__).with_suffix(".json")
logins = json.loads(file.read_text()) if file.exists() else {}
action, said = sys.argv[1], sys.stdin.read()
assert len(sys.argv) == 2
if action == "get":
    if said not in logins:
        print("credentials not found in native keychain")
        sys.exit(1)
    print(json.dumps(dict(logins[said], ServerURL=said)))
elif action == "store":
    login = json.loads(said)
    if login["Username"] == "refuse":
        print("will not keep", login["Secret"])
        sys.exit(1)
    logins[login.pop("ServerURL")] = login
elif action == "erase":
    del logins[said]
else:
    print(json.dumps({key: login["Username"] for key, login in logins.items()}))
file.write_text(json.dumps(logins))
"""


def config(store: DockerCredentials) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.path.read_text())
    return found


def write(store: DockerCredentials, content: object) -> None:
    store.path.parent.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    store.path.write_text(text)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A helper named `kept`; returns the file where it keeps."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker-credential-kept"
    program.write_text(HELPER.replace("PYTHON", sys.executable, 1))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return program.with_suffix(".json")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("docker.io", HUB),
        ("index.docker.io", HUB),
        ("registry-1.docker.io", HUB),
        (HUB, HUB),
        ("nvcr.io", "nvcr.io"),
        ("https://nvcr.io", "nvcr.io"),
        ("http://localhost:5000/v1/", "localhost:5000"),
        ("Registry.Example.org", "registry.example.org"),
    ],
)
def test_keys(written: str, key: str) -> None:
    assert normal_host(written) == key


def test_default_username() -> None:
    assert default_username("nvcr.io") == "$oauthtoken"
    assert default_username("docker.io") is None


def test_a_login_comes_and_goes(store: DockerCredentials) -> None:
    assert store.get("nvcr.io") is None
    assert store.hosts() == {}
    assert not store.erase("nvcr.io")
    assert not store.path.exists()
    assert store.put("nvcr.io", ADA) == str(store.path)
    store.put("docker.io", Credential("hub", "x"))
    assert store.get("nvcr.io") == ADA
    assert store.get("index.docker.io") == Credential("hub", "x")
    assert store.hosts() == {"docker.io": "hub", "nvcr.io": "ada"}
    assert set(config(store)["auths"]) == {HUB, "nvcr.io"}
    assert store.erase("nvcr.io")
    assert not store.erase("nvcr.io")
    assert store.get("nvcr.io") is None


def test_the_file_is_for_its_owner_and_keeps_what_is_not_ours(store: DockerCredentials) -> None:
    foreign = {
        "psFormat": "table {{.ID}}",
        "auths": {"other.example.org": {"auth": base64.b64encode(b"o:o").decode()}},
        "plugins": {"a": {"b": "ü"}},
    }
    write(store, foreign)
    store.path.chmod(0o644)
    store.put("nvcr.io", ADA)
    assert oct(store.path.stat().st_mode)[-3:] == "600"
    assert store.erase("nvcr.io")
    assert config(store) == foreign
    assert list(config(store)) == list(foreign)
    assert os.listdir(store.path.parent) == ["config.json"]


def test_new_folder_is_for_its_owner(tmp_path: Path) -> None:
    store = DockerCredentials(tmp_path / "new")
    store.put("nvcr.io", ADA)
    assert oct((tmp_path / "new").stat().st_mode)[-3:] == "700"


def test_a_link_is_followed(store: DockerCredentials, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    store.path.parent.mkdir()
    store.path.symlink_to(real)
    store.put("nvcr.io", ADA)
    assert store.path.is_symlink()
    assert "nvcr.io" in real.read_text()


def test_folder_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert DockerCredentials().path == tmp_path / "config.json"
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(DockerCredentials().path) == "/home/ada/.docker/config.json"


def test_docker_s_sdk_reads_what_we_write(store: DockerCredentials) -> None:
    store.put("nvcr.io", ADA)
    store.put("docker.io", ADA)
    read = load_config(str(store.path))
    for host in ("nvcr.io", "docker.io"):
        found = read.resolve_authconfig(host)
        assert (found["username"], found["password"]) == (ADA.username, ADA.secret)


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": base64.b64encode(b"ada:a:b\0\0").decode()}, Credential("ada", "a:b")),
        ({"username": "ada", "password": "x"}, Credential("ada", "x")),
        ({"auth": "", "identitytoken": "t"}, Credential(IDENTITY_TOKEN, "t")),
        ({"auth": "not base64!"}, None),
        ({"auth": base64.b64encode(b"\xff:\xfe").decode()}, None),
        ({"auth": 7}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_entries_of_others(entry: object, login: Credential | None, store: Any) -> None:
    write(store, {"auths": {"https://registry.example.org/v1/": entry}})
    assert store.get("registry.example.org") == login
    assert store.hosts() == ({"registry.example.org": login.username} if login else {})


def test_old_keys_of_a_host_go_with_the_login(store: DockerCredentials) -> None:
    entry = {"auth": base64.b64encode(b"old:old").decode()}
    write(store, {"auths": {"https://registry.example.org": entry, f"{HUB}access-token": entry}})
    store.put("registry.example.org", ADA)
    assert list(config(store)["auths"]) == [f"{HUB}access-token", "registry.example.org"]
    assert store.hosts() == {"registry.example.org": "ada"}
    assert store.get("docker.io") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 3}', '"canary"'])
def test_a_file_that_is_none_is_left_alone(text: str, store: DockerCredentials) -> None:
    write(store, text)
    assert store.get("nvcr.io") is None
    for call in (lambda: store.put("nvcr.io", ADA), lambda: store.erase("nvcr.io"), store.hosts):
        with pytest.raises(InvalidRequestError, match="is not what Docker writes") as refused:
            call()
        assert "canary" not in str(refused.value)
    assert store.path.read_text() == text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = DockerCredentials(tmp_path / "file")
    with pytest.raises(InvalidRequestError, match=r"cannot be (read|written): Not a directory"):
        store.put("nvcr.io", ADA)


def test_a_user_name_with_a_colon(store: DockerCredentials) -> None:
    with pytest.raises(InvalidRequestError, match="colon"):
        store.put("nvcr.io", Credential("a:b", "c"))
    assert not store.path.exists()


def test_two_at_once_lose_nothing(store: DockerCredentials) -> None:
    hosts = [f"r{number}.example.org" for number in range(20)]
    threads = [threading.Thread(target=store.put, args=(host, ADA)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store.hosts()) == set(hosts)


# --- helpers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [{"credsStore": "kept"}, {"credHelpers": {"nvcr.io": "kept"}}])
def test_a_helper_comes_first(store: DockerCredentials, helper: Path, wanted: Any) -> None:
    write(store, wanted)
    assert store.get("nvcr.io") is None
    assert store.put("nvcr.io", ADA) == "the credential helper docker-credential-kept"
    assert json.loads(helper.read_text()) == {"nvcr.io": {"Username": "ada", "Secret": ADA.secret}}
    assert config(store) == {**wanted, "auths": {"nvcr.io": {}}}
    assert store.get("nvcr.io") == ADA
    assert store.hosts() == {"nvcr.io": "ada"}
    assert store.erase("nvcr.io")
    assert not store.erase("nvcr.io")
    assert json.loads(helper.read_text()) == {}
    assert config(store) == wanted


def test_a_helper_for_one_registry_only(store: DockerCredentials, helper: Path) -> None:
    write(store, {"credHelpers": {"docker.io": "kept"}})
    store.put("nvcr.io", ADA)
    store.put("docker.io", ADA)
    assert list(json.loads(helper.read_text())) == [HUB]
    assert store.hosts() == {"docker.io": "ada", "nvcr.io": "ada"}
    assert store.get("index.docker.io") == ADA


@pytest.mark.usefixtures("helper")
def test_a_helper_that_refuses(store: DockerCredentials) -> None:
    write(store, {"credsStore": "kept"})
    with pytest.raises(InvalidRequestError, match=r"failed: will not keep \*\*\*") as refused:
        store.put("nvcr.io", Credential("refuse", ADA.secret))
    assert "canary" not in str(refused.value)
    assert config(store) == {"credsStore": "kept"}


@pytest.mark.parametrize("name", ["missing", "../../bin/sh", "a b", ""])
def test_a_helper_that_is_none(
    name: str, store: DockerCredentials, caplog: pytest.LogCaptureFixture
) -> None:
    """Public images can be had without; a login cannot be kept then."""
    write(store, {"credsStore": name, "credHelpers": {"nvcr.io": name or "missing"}})
    assert store.get("nvcr.io") is None
    assert store.hosts() == {}
    assert "No login for nvcr.io" in caplog.text
    with pytest.raises(InvalidRequestError, match=r"credential helper|cannot be run"):
        store.put("nvcr.io", ADA)
