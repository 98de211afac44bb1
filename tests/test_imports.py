"""Importing the package stays cheap, and its exports exist. import-linter checks the layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pydicom.data

import streamdicom

_ROOT = Path(streamdicom.__file__).parent


def test_json_text_knows_nothing_of_dicom() -> None:
    for path in (_ROOT / "jsontext").glob("*.py"):
        text = path.read_text().replace("streamdicom", "")
        assert "dicom" not in text.lower(), path.name


def test_importing_the_package_does_not_import_pydicom_or_the_command_line() -> None:
    code = "import sys, streamdicom; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydicom", "numpy", "argparse", "shtab", "decimal", "fsspec", "asyncio", "socket", "ssl"} & set(loaded)


def test_reading_a_file_whose_text_is_ascii_does_not_import_pydicom() -> None:
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    code = f"import sys, streamdicom; print(len(list(streamdicom.iter_events({path!r})))); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, loaded = run.stdout.splitlines()
    assert int(count) > 100
    assert "pydicom" not in loaded.split()


def test_what_is_exported_is_there() -> None:
    for name in streamdicom.__all__:
        assert getattr(streamdicom, name) is not None
    assert len(streamdicom.__all__) == len(set(streamdicom.__all__))
