"""Configuration of Sphinx."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generate

import streamdicom

project = "streamdicom"
author = "The streamdicom developers"
copyright = "The streamdicom developers"  # noqa: A001 - as Sphinx names it
release = streamdicom.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.graphviz"]
exclude_patterns = ["_build", "_generated"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = f"streamdicom {release}"
graphviz_output_format = "svg"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def setup(app: Any) -> None:
    """Write the generated pages before Sphinx reads any page."""
    app.connect("builder-inited", lambda _: generate.write_all(Path(__file__).parent / "_generated"))
