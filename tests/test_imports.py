"""A module imports only from layers above its own, and importing the package stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydicom.data
import pytest

import streamdicom

_ROOT = Path(streamdicom.__file__).parent

# The layers, the lowest first; a folder stands for all that is in it.
_LAYERS = (
    ("errors", "limits"),
    ("jsontext",),
    ("tags", "uids", "vr", "events", "deviations", "bulkdata", "charset", "valuefield"),
    ("bulkvalues", "multipart", "encapsulation", "buffers", "options", "selection", "converters", "writing"),
    ("dicomjson", "part10", "dataset", "filters", "ordering", "select", "conversion", "stages", "late", "nativexml"),
    ("formats",),
    ("files", "sockets", "spool", "compression", "push", "api", "aio"),
    ("archive", "serializers", "web"),
    ("pydantic", "origin"),
    ("cli",),
)
_LEVEL = {name: level for level, names in enumerate(_LAYERS) for name in names}
_FOLDERS = ("jsontext", "converters", "dicomjson", "part10", "nativexml", "dataset", "archive", "web", "origin", "cli")


def _modules() -> list[Path]:
    return [path for path in sorted(_ROOT.rglob("*.py")) if path != _ROOT / "__init__.py"]


def _unit(path: Path) -> str:
    return path.relative_to(_ROOT).parts[0].removesuffix(".py")


def _imported(path: Path) -> Iterator[str]:
    """The parts of the package that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name == "streamdicom":
                yield "__init__"
            elif name.startswith("streamdicom."):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(_ROOT)))
def test_a_module_imports_only_from_layers_above(path: Path) -> None:
    unit = _unit(path)
    for imported in _imported(path):
        if imported == "__init__":
            assert unit == "cli", "only the command line uses the package as its users do"
        elif imported != unit:
            assert _LEVEL[imported] <= _LEVEL[unit], f"{unit} must not import {imported}"


def test_every_module_has_a_layer() -> None:
    assert {_unit(path) for path in _modules()} == set(_LEVEL)


def test_there_are_no_cycles_within_a_layer() -> None:
    edges = {(_unit(path), imported) for path in _modules() for imported in _imported(path) if imported in _LEVEL}
    both_ways = {(a, b) for a, b in edges if a != b and (b, a) in edges}
    assert not both_ways


def test_json_text_knows_nothing_of_dicom() -> None:
    for path in (_ROOT / "jsontext").glob("*.py"):
        text = path.read_text().replace("streamdicom", "")
        assert "dicom" not in text.lower(), path.name


def test_importing_the_package_does_not_import_pydicom_or_the_command_line() -> None:
    code = "import sys, streamdicom; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydicom", "numpy", "typer", "rich", "decimal", "fsspec", "asyncio", "socket", "ssl"} & set(loaded)


def test_reading_a_file_whose_text_is_ascii_does_not_import_pydicom() -> None:
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    code = f"import sys, streamdicom; print(len(list(streamdicom.iter_file_events({path!r})))); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, loaded = run.stdout.splitlines()
    assert int(count) > 100
    assert "pydicom" not in loaded.split()


def test_what_is_exported_is_there() -> None:
    for name in streamdicom.__all__:
        assert getattr(streamdicom, name) is not None
    assert len(streamdicom.__all__) == len(set(streamdicom.__all__))
