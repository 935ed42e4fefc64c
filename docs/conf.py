"""Sphinx: how the pages of this folder become a site (`./run docs`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import links
import reference_pages

from jupyter_gpu_containers import __version__

reference_pages.write(Path(__file__).parent / "generated")

project = "jupyter_gpu_containers"
author = "jupyter_gpu_containers contributors"
release = version = __version__
language = "en"

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # so that page.md#heading is checked
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "GPU containers for Jupyter"
html_theme_options = {"navigation_with_keys": False, "show_nav_level": 2}
html_show_sourcelink = False
html_copy_source = False


def setup(app):
    """Have every page's links checked as it is read."""
    app.connect("doctree-read", links.check)
