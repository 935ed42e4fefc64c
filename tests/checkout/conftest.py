"""Makes the modules of scripts/ importable, as `python scripts/...` does."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _scripts_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    for name in ("engine", "roots", "images"):
        monkeypatch.delitem(sys.modules, name, raising=False)
