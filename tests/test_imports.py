"""Importing the package stays cheap, and its exports exist."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pydicom.data
import pytest

import streamdicom

_ROOT = Path(streamdicom.__file__).parent
_LATE = {"pydicom", "numpy", "argparse", "shtab", "decimal", "fsspec", "asyncio", "socket", "ssl"}


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def _imported_for_type_checkers() -> dict[str, str]:
    """Return the names that ``__init__`` imports, each with its module."""
    tree = ast.parse((_ROOT / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.name: (node.module or "").removeprefix("streamdicom.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_lists_of_public_names_agree() -> None:
    homes = {name: module for module, names in streamdicom._NAMES.items() for name in names}
    assert homes == _imported_for_type_checkers()
    assert sorted(homes) == sorted(streamdicom.__all__)


def test_public_names_exist() -> None:
    for name in streamdicom.__all__:
        assert getattr(streamdicom, name) is not None
    assert set(streamdicom.__all__) <= set(dir(streamdicom))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        streamdicom.nothing  # noqa: B018


def test_packages_are_imported_on_access() -> None:
    assert _run("import streamdicom; print(streamdicom.filters.needed_file_meta.__name__)") == "needed_file_meta\n"


def test_package_runs_as_a_module() -> None:
    run = subprocess.run([sys.executable, "-m", "streamdicom", "--version"], capture_output=True, text=True, check=True)
    assert streamdicom.__version__ in run.stdout


def test_json_text_knows_nothing_of_dicom() -> None:
    for path in (_ROOT / "jsontext").glob("*.py"):
        text = path.read_text(encoding="utf-8").replace("streamdicom", "")
        assert "dicom" not in text.lower(), path.name


def test_importing_the_package_imports_nothing_else() -> None:
    loaded = _run("import sys, streamdicom; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("streamdicom")] == ["streamdicom"]


def test_importing_the_packages_imports_nothing_slow() -> None:
    code = "import sys, streamdicom.api, streamdicom.formats, streamdicom.filters; print(*sys.modules)"
    assert not _LATE & set(_run(code).split())


def test_reading_a_file_with_ascii_text_does_not_import_pydicom() -> None:
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    code = f"import sys, streamdicom; print(len(list(streamdicom.iter_events({path!r})))); print(*sys.modules)"
    count, loaded = _run(code).splitlines()
    assert int(count) > 100
    assert "pydicom" not in loaded.split()


# An installed program has compiled modules.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=_ENVIRONMENT)
    return time.perf_counter() - start


@pytest.mark.slow
def test_importing_the_package_takes_at_most_three_times_an_empty_program() -> None:
    pairs = [(_seconds("pass"), _seconds("import streamdicom")) for _ in range(20)]
    assert median(package for _, package in pairs) < 3 * median(empty for empty, _ in pairs)


def _modules_with_stand_ins() -> list[str]:
    """Return the modules that take the names of ``typing`` from ``_typing``."""
    return [
        ".".join(("streamdicom", *path.relative_to(_ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(_ROOT.rglob("*.py"))
        if "from streamdicom._typing import" in path.read_text(encoding="utf-8")
    ]


def test_modules_need_no_more_of_typing_than_the_stand_ins() -> None:
    names = _modules_with_stand_ins()
    assert len(names) > 100
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; assert 'typing' not in sys.modules\n"
        "from importlib import import_module\nimport streamdicom._typing; streamdicom._typing.use_stand_ins()\n"
        f"for name in {names!r}: import_module(name)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
