"""docs/configuration.md names every setting, with the default that it really has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jupyter_gpu_containers.settings import GpuContainers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
SECTION = re.compile(r"^### `(\w+)`\n(.*?)^Default: `(.*?)`$", re.MULTILINE | re.DOTALL)


def _documented() -> dict[str, str]:
    return {name: default for name, _, default in SECTION.findall(PAGE.read_text("utf-8"))}


def test_every_setting_stands_on_the_page_and_no_other() -> None:
    assert sorted(_documented()) == sorted(GpuContainers.class_trait_names(config=True))


def test_the_page_tells_the_defaults() -> None:
    settings = GpuContainers()
    there = {name: getattr(settings, name) for name in _documented()}
    there["backend"] = "docker"  # unless the variable that the page names says otherwise
    assert _documented() == {
        name: "None" if value is None else json.dumps(value) for name, value in there.items()
    }
