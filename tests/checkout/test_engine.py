"""scripts/engine.py: which engine ./run finds, and what it hears from it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.checkout.doubles import (
    Answering,
    Refusing,
    Silent,
    SilentAfterTheFirstStep,
    listening,
)
from tests.conftest import ROOT


@pytest.fixture
def engines() -> ModuleType:
    """The module, fresh."""
    return importlib.import_module("engine")


def find(**environ: str) -> subprocess.CompletedProcess[str]:
    """Run `engine.py find` with just this environment."""
    command = [sys.executable, str(ROOT / "scripts/engine.py"), "find"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_docker_host_is_the_last_word(tmp_path: Path) -> None:
    with listening(tmp_path / "d.sock", Answering) as host:
        found = find(DOCKER_HOST=host)
    assert (found.returncode, found.stdout) == (0, f"{host}\n")


def test_docker_host_without_engine(tmp_path: Path) -> None:
    """No other engine is taken instead, though this machine may well have one."""
    found = find(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert found.returncode == 3
    assert found.stderr == f"no container engine answers at unix://{tmp_path}/none.sock\n"


def test_docker_host_of_an_unknown_kind() -> None:
    found = find(DOCKER_HOST="ssh://somewhere")
    assert found.returncode == 3
    assert "only unix:// and tcp:// are known here" in found.stderr


def test_podman_s_socket_is_found(
    tmp_path: Path, engines: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "podman").mkdir()
    with listening(tmp_path / "podman" / "podman.sock", Answering) as host:
        assert host in engines.candidates()
        engines.Engine(host).ping()


def test_refusal_is_told_in_the_engine_s_words(tmp_path: Path, engines: ModuleType) -> None:
    with (
        listening(tmp_path / "r.sock", Refusing) as host,
        pytest.raises(engines.EngineError, match=r"403 denied: you may not$"),
    ):
        engines.Engine(host).ping()


def test_pull_gives_up_on_a_silent_registry(tmp_path: Path, engines: ModuleType) -> None:
    with listening(tmp_path / "s.sock", Silent) as host, pytest.raises(TimeoutError):
        list(engines.Engine(host).pull("x/y:z", patience=0.05))


def test_pull_that_began_is_given_more_time(
    tmp_path: Path, engines: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the registry's first answer another limit holds, here a very short one."""
    monkeypatch.setattr(engines, "SILENCE", 0.05)
    with listening(tmp_path / "f.sock", SilentAfterTheFirstStep) as host:
        steps = engines.Engine(host).pull("x/y:z", patience=60)
        assert next(steps) == {"status": "Pulling from x/y"}
        with pytest.raises(TimeoutError):
            next(steps)
