"""Configuration of Sphinx."""

from __future__ import annotations

import re
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
exclude_patterns = ["_build", "_generated", "figures"]  # figures are included by a page
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

_PAGES = {  # documents at the top of the repository, and their pages
    "ARCHITECTURE.md": "topics/architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "topics/security.md",
    "docs/glossary.md": "glossary.md",
    "docs/topics/coverage.md": "topics/coverage.md",
}
_LINK = re.compile(rf"\]\(({'|'.join(map(re.escape, _PAGES))})\)")

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
smartquotes_action = "D"  # dashes; quotes belong to Python and JSON here
html_title = f"streamdicom {release}"
graphviz_output_format = "svg"

autodoc_mock_imports = ["polars", "pyarrow"]  # large, and needed for signatures only
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # a dataclass has its fields once


def setup(app: Any) -> None:
    """Write the generated pages before Sphinx reads any page."""
    app.connect("builder-inited", lambda _: generate.write_all(Path(__file__).parent / "_generated"))
    app.connect("include-read", _adapt_links)


def _adapt_links(app: Any, path: Path, parent: str, content: list[str]) -> None:
    """Turn links between documents of the repository into links between pages."""
    content[0] = _LINK.sub(lambda match: f"](/{_PAGES[match[1]]})", content[0])
