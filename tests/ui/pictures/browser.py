"""The browser that pictures are made with: the same letters on every machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.ui.conftest import CHROMIUM

COLOURS = 256  # of a picture: enough for a user interface
SCALE = 2  # pixels of a picture for one of the page

# Debian's fonts-inter and fonts-dejavu-core, whatever else is installed.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern">
    <test name="family"><string>system-ui</string></test>
    <edit name="family" mode="assign" binding="strong"><string>Inter</string></edit>
  </match>
  <match target="pattern">
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
  <match target="pattern">
    <test name="family"><string>monospace</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>DejaVu Sans Mono</string></edit>
  </match>
</fontconfig>
"""


@contextmanager
def photographer(scratch: Path) -> Iterator[Browser]:
    """A browser with fonts of our choice; `scratch` is a folder of its own."""
    fonts = scratch / "fonts.conf"
    fonts.write_text(_FONTS.format(cache=scratch / "fonts"), encoding="utf-8")
    environment = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], env=environment
        ) as browser,
    ):
        yield browser


def optimise(picture: Path) -> None:
    """Make a picture smaller, by a palette of its own; raises where that cannot be done."""
    subprocess.run(
        ["pngquant", "--force", "--strip", "--ext", ".png", str(COLOURS), str(picture)], check=True
    )
