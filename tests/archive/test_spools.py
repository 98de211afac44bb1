"""Folders in the temporary folder: removed at the end, or by the next run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import streamdicom
from streamdicom.archive import export_archive
from streamdicom.archive.spools import SpoolFolder, remove_leftovers
from tests.archive.corpus import files

_PROGRAM = """
import os, sys
from streamdicom.archive import export_archive
class Target:
    def write(self, data):
        os.kill(os.getpid(), 9)
export_archive(sys.argv[1], Target(), format="json")
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use another temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_spool_of_a_killed_run_is_removed_by_the_next(tmp_path: Path, temporary: Path) -> None:
    files(tmp_path / "in", 2)
    environment = {**os.environ, "PYTHONPATH": str(Path(streamdicom.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", _PROGRAM, tmp_path / "in"], check=False, env=environment)
    assert done.returncode == -9
    assert len(list(temporary.iterdir())) == 1
    export_archive(tmp_path / "in", io.BytesIO())
    assert list(temporary.iterdir()) == []


def test_spool_of_a_run_that_lives_stays(temporary: Path) -> None:
    folder = SpoolFolder()
    Path(folder.path, "text").write_bytes(b"x")
    remove_leftovers()
    assert Path(folder.path, "text").exists()
    folder.close()
    assert list(temporary.iterdir()) == []


def test_only_the_owner_can_read_a_spool() -> None:
    old = os.umask(0)
    try:
        folder = SpoolFolder()
    finally:
        os.umask(old)
    assert [oct(path.stat().st_mode) for path in (Path(folder.path), Path(folder.path, ".lock"))] == [
        "0o40700",
        "0o100600",
    ]
    folder.close()


def test_other_folders_stay(temporary: Path) -> None:
    (temporary / "streamdicom-spool-a").mkdir()  # of a run that has just made it
    (temporary / "b" / ".lock").mkdir(parents=True)
    (temporary / "streamdicom-spool-link").symlink_to(temporary / "b")
    remove_leftovers()
    assert len(list(temporary.iterdir())) == 3
