"""Check the layout of the package; import-linter checks its layers.

Usage: python tools/layout.py

- A module imports another package through its face (``__init__``) only.
- Only a face lists exports in ``__all__``.
- A module has at most 600 lines.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 600

_ROOT = Path(__file__).parent.parent / "streamdicom"


def main() -> int:
    """Print each offence with its place; return the exit code."""
    paths = sorted(_ROOT.rglob("*.py"))
    packages = {_name(path) for path in paths if path.name == "__init__.py"}
    offences = [offence for path in paths for offence in _offences(path, packages)]
    print(*offences, sep="\n", end="\n" if offences else "")
    print(f"{len(paths)} modules checked, {len(offences)} offences")
    return 1 if offences else 0


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _offences(path: Path, packages: set[str]) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    importer = _name(path)
    package = importer if importer in packages else importer.rpartition(".")[0]
    for line, module in _imported(text):
        if module.startswith("streamdicom.") and module not in packages:
            owner = module.rpartition(".")[0]
            if not f"{package}.".startswith(f"{owner}."):
                yield f"{path}:{line}: imports the private module {module}; import from {owner}"
    if path.name != "__init__.py" and "\n__all__ =" in text:
        yield f"{path}: has __all__; only a package's __init__ lists exports"
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield f"{path}: has {lines} lines; at most {MAX_LINES} are allowed"


def _imported(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name


if __name__ == "__main__":
    sys.exit(main())
